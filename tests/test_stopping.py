"""SIGTERM, Ctrl-C and notices of an end are noted while training runs; a second SIGTERM does what it does elsewhere."""

import os
import signal
from collections.abc import Iterator

import pytest

from atlop.stopping import NOTICES, REQUESTS, StopRequestError, StopRequests


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """What Python does where nothing is changed; a suite that a shell started with `&` ignores Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (*REQUESTS, *NOTICES)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, *NOTICES):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [*REQUESTS, *NOTICES])
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


@pytest.mark.parametrize("number", NOTICES)
def test_a_notice_may_come_again_and_a_ctrl_c_after_it_is_the_first(number: int) -> None:
    with StopRequests() as stop:
        for _ in range(3):  # a terminal that closes says so more than once
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", NOTICES)
def test_a_notice_that_the_host_program_handles_is_left_to_it(number: int) -> None:
    received: list[int] = []
    signal.signal(number, lambda number, _: received.append(number))
    with StopRequests() as stop:
        os.kill(os.getpid(), number)
        assert (stop.signal, received) == (0, [number])


def test_a_signal_is_noted_though_standard_error_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError("the terminal is gone")

    monkeypatch.setattr(os, "write", fail)
    with StopRequests() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopRequests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == 0
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_afterwards_signals_do_what_they_did() -> None:
    before = [signal.getsignal(number) for number in (*REQUESTS, *NOTICES)]
    with StopRequests():
        now = [signal.getsignal(number) for number in (*REQUESTS, *NOTICES)]
        assert all(new != old for new, old in zip(now, before, strict=True))
    assert [signal.getsignal(number) for number in (*REQUESTS, *NOTICES)] == before


def test_an_evaluation_ends_at_a_stop() -> None:
    stop = StopRequests()
    items = stop.watch([1, 2, 3])
    assert next(items) == 1
    stop.signal = signal.SIGTERM
    with pytest.raises(StopRequestError):
        next(items)
