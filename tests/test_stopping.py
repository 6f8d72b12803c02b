"""SIGTERM and Ctrl-C are noted while training runs; a second one does what it does elsewhere."""

import os
import signal
from collections.abc import Iterator

import pytest

from atlop.stopping import SIGNALS, StopRequestError, StopRequests


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """What Python does where nothing is changed; a suite that a shell started with `&` ignores Ctrl-C."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_is_noted(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    with StopRequests() as stop:
        assert stop.signal == 0
        os.kill(os.getpid(), number)
        assert stop.signal == number
    assert "stopping after the running step" in capfd.readouterr().err


def test_a_second_ctrl_c_leaves_at_once() -> None:
    with StopRequests():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopRequests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == 0
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_afterwards_signals_do_what_they_did() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequests():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_evaluation_ends_at_a_stop() -> None:
    stop = StopRequests()
    items = stop.watch([1, 2, 3])
    assert next(items) == 1
    stop.signal = signal.SIGTERM
    with pytest.raises(StopRequestError):
        next(items)
