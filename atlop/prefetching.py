"""Compute the next results of a loop while it works on the last one."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")
Submit: TypeAlias = Callable[..., Future[Any]]
"""Calls a function with arguments in the background, like `Executor.submit`."""


def prefetch(
    items: Iterable[Item], *, make: Callable[[Item], Output], ahead: int = 2, submit: Submit | None = None
) -> Generator[Output, None, None]:
    """Map items in order, while the next results are computed in advance.

    Args:
        items: Inputs, such as steps.
        make: Called in the background; must not draw random numbers, since their order would depend on timing.
        ahead: Number of results to compute in advance.
        submit: Calls `make` with an item in the background; by default in a thread, which ends with the generator.

    Raises:
        Exception: What `make` raised, in place of that result. Closing the generator ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:  # starts with its first item
        submit = submit or thread.submit
        pending: deque[Future[Output]] = deque()
        try:
            for item in items:
                pending.append(submit(make, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
