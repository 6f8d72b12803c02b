"""Compute the next results of a loop while it works on the last one."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")


def prefetch(items: Iterable[Item], *, make: Callable[[Item], Output], ahead: int = 2) -> Generator[Output, None, None]:
    """Map items in order, with a thread that computes the next results in advance.

    Args:
        items: Inputs, such as steps.
        make: Called in the thread; must not draw random numbers, since their order would depend on timing.
        ahead: Number of results to compute in advance.

    Raises:
        Exception: What `make` raised, in place of that result. Closing the generator ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        pending: deque[Future[Output]] = deque()
        try:
            for item in items:
                pending.append(thread.submit(make, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
