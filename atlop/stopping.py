"""Stop training on a signal at a point where nothing is lost."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from threading import current_thread, main_thread
from typing import Any, TypeVar

Item = TypeVar("Item")
REQUESTS = (signal.SIGINT, signal.SIGTERM)
"""Ask to stop: Ctrl-C, `kill`, a scheduler."""
NOTICES = tuple(getattr(signal, name) for name in ("SIGHUP", "SIGUSR1") if hasattr(signal, name))
"""Say that the process will end soon: a closed terminal, which may say so several times, and Slurm's
`--signal=USR1@120`."""


class StopRequestError(Exception):
    """Aborts a running evaluation; it is repeated when training resumes."""


class StopRequests:
    """Context manager that records signals; a second Ctrl-C or SIGTERM has its usual effect and ends Python.

    `NOTICES` that the host program handles itself are left to it.
    """

    def __init__(self) -> None:
        self.signal = 0
        """Number of the first signal received; 0 for none."""
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequests":
        if current_thread() is main_thread():  # only the main thread may set handlers
            handled = [number for number in REQUESTS if signal.getsignal(number) != signal.SIG_IGN]  # as under nohup
            handled += [number for number in NOTICES if signal.getsignal(number) == signal.SIG_DFL]
            self._previous = {number: signal.signal(number, self._record) for number in handled}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore(list(self._previous))

    def watch(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yield items until a signal is received, then raise `StopRequestError`."""
        for item in items:
            if self.signal:
                raise StopRequestError
            yield item

    def _record(self, number: int, _: object) -> None:
        self.signal = self.signal or number
        text = "atlop: stopping after the running step"
        if number in REQUESTS:
            self._restore(REQUESTS)
            text += "; once more stops at once, without a checkpoint"
        with suppress(OSError):  # the terminal may be gone
            os.write(2, f"{text}\n".encode())  # buffered streams are not safe in a signal handler

    def _restore(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in self._previous:
                signal.signal(number, self._previous.pop(number))
