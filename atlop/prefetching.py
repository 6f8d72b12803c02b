"""Compute the next results of a loop while it works on the last one."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")


def prefetch(
    items: Iterable[Item], *, make: Callable[[Item], Output], ahead: int = 2, executor: Executor | None = None
) -> Generator[Output, None, None]:
    """Map items in order, while the next results are computed in advance.

    Args:
        items: Inputs, such as steps.
        make: Called in the background; must not draw random numbers, since their order would depend on timing.
        ahead: Number of results to compute in advance.
        executor: Calls `make`; by default a thread, which ends with the generator.

    Raises:
        Exception: What `make` raised, in place of that result. Closing the generator ends the thread.
    """
    context = ThreadPoolExecutor(1, thread_name_prefix="prefetch") if executor is None else nullcontext(executor)
    with context as thread:
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
