"""Stop training on SIGTERM or Ctrl-C at a point where nothing is lost."""

import os
import signal
from collections.abc import Iterator, Sequence
from threading import current_thread, main_thread
from typing import Any, TypeVar

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequestError(Exception):
    """Aborts a running evaluation; it is repeated when training resumes."""


class StopRequests:
    """Context manager that records SIGTERM and Ctrl-C; a second signal has its usual effect and ends Python."""

    def __init__(self) -> None:
        self.signal = 0
        """Number of the signal received; 0 for none."""
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequests":
        if current_thread() is main_thread():  # only the main thread may set handlers
            handled = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as under nohup
            self._previous = {number: signal.signal(number, self._record) for number in handled}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def watch(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yield items until a signal is received, then raise `StopRequestError`."""
        for item in items:
            if self.signal:
                raise StopRequestError
            yield item

    def _record(self, number: int, _: object) -> None:
        self.signal = number
        self._restore()
        text = "atlop: stopping after the running step; once more stops at once, without a checkpoint\n"
        os.write(2, text.encode())  # buffered streams are not safe in a signal handler

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
