"""A training is asked to stop by SIGTERM or Ctrl-C, and stops where nothing is lost."""

import os
import signal
from collections.abc import Iterator, Sequence
from threading import current_thread, main_thread
from typing import Any, TypeVar

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequestError(Exception):
    """Ends an evaluation that is under way: its scores are not needed, since it is done again."""


class StopRequests:
    """While it is entered, SIGTERM and Ctrl-C are noted; a second one does what it does elsewhere: it ends Python."""

    def __init__(self) -> None:
        self.signal = 0
        """Number of the signal that came; 0 before one has."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequests":
        if current_thread() is main_thread():  # others may not set what a signal does
            heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup, `… &`
            self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def watch(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yield the items of an evaluation until a stop is asked for; raises `StopRequestError` then."""
        for item in items:
            if self.signal:
                raise StopRequestError
            yield item

    def _note(self, number: int, _: object) -> None:
        self.signal = number
        self._restore()
        text = "atlop: stopping after the running step; once more stops at once, without a checkpoint\n"
        os.write(2, text.encode())  # a signal handler must not enter a buffered stream that may be in use

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
