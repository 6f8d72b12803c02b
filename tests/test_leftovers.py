"""What a process leaves behind when it is killed is removed by the next one that writes there, and nothing else is."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atlop.files import atomic_folder, recover, sweep, write_text
from atlop.files.process import Process
from atlop.files.temporary import PREFIX, take_lock, temporary_file, temporary_folder
from tests.leftovers import dead_process, leftover

STRANGER = Process.current()._replace(host="0" * 8, start="0" * 8)
"""A process of another host, of which nothing is known here."""


def killed_while(work: Callable[[], object]) -> None:
    """Do something in a process that kills itself then, and wait until it has ended."""
    process = os.fork()
    if process == 0:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)


def test_a_process_that_runs_is_not_dead_and_one_that_ended_is() -> None:
    assert not Process.current().is_dead()
    assert dead_process().is_dead()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    process = Process.current()._replace(pid=ended.pid)
    ended.wait()
    assert process.is_dead()


def test_a_process_that_was_killed_but_not_waited_for_is_dead(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(Process.current()).encode())
        os._exit(0)
    process = Process.named_in(os.read(reading, 100).decode())
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert process is not None
    assert process.is_dead()
    os.waitpid(child, 0)


def test_of_a_process_on_another_host_or_of_another_user_nothing_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not STRANGER.is_dead()

    def deny(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", deny)
    monkeypatch.setattr("atlop.files.process._start", lambda _: None)
    assert not dead_process().is_dead()


@pytest.mark.skipif(sys.platform != "linux", reason="stands for systems without /proc")
def test_without_proc_the_start_time_comes_from_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not Process.current().is_dead()
    assert dead_process().is_dead()


@pytest.mark.parametrize(
    "text", ["", ".atlop-", ".atlop-0000-1-2", f"{PREFIX}zzzzzzzz-0000001-00000000-a", "notes.txt"]
)
def test_a_name_of_something_else_names_no_process(text: str) -> None:
    assert Process.named_in(text) is None


def test_names_carry_their_process_and_have_one_length(tmp_path: Path) -> None:
    file, folder = temporary_file(tmp_path), temporary_folder(tmp_path)

    assert Process.named_in(file.name) == Process.named_in(folder.name) == Process.current()
    assert len(file.name) == len(folder.name) == len(leftover()) == 41


@pytest.mark.parametrize("length", [1, 255])
def test_an_output_may_have_any_name_that_the_file_system_allows(length: int, tmp_path: Path) -> None:
    write_text(tmp_path / ("é" * (length // 2) + "a" * (length % 2)), "text")

    [path] = tmp_path.iterdir()
    assert path.read_text() == "text"


def test_a_write_removes_what_dead_processes_of_this_host_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / leftover()).touch()
    (tmp_path / f"{leftover()}x" / "new").mkdir(parents=True)
    (tmp_path / ".atlop-0123456789abcdef.lock").write_text(f"{dead_process()} process 1 on here\n")
    kept = {
        *(leftover(STRANGER), leftover(Process.current()), ".atlop-notes", ".notes.txt.a1b2c3d4", "notes.old"),
        ".atlop-0123456789abcdef.parts",
    }
    for name in kept:
        (tmp_path / name).touch()
    stranger = tmp_path / ".atlop-fedcba9876543210.lock"
    stranger.write_text(f"{STRANGER} process 1 elsewhere\n")

    write_text(tmp_path / "out.json", "[]")

    assert {path.name for path in tmp_path.iterdir()} == kept | {"out.json", stranger.name}


def test_a_lock_that_is_held_is_not_removed_whatever_it_says(tmp_path: Path) -> None:
    lock = tmp_path / ".atlop-0123456789abcdef.lock"
    handle = take_lock(lock)
    lock.write_text(f"{dead_process()}\n")

    sweep(tmp_path)

    assert lock.exists()
    assert handle is not None
    os.close(handle)


def test_a_folder_that_was_being_replaced_comes_back_before_leftovers_are_removed(tmp_path: Path) -> None:
    temporary = tmp_path / leftover()
    (temporary / "old" / "model").mkdir(parents=True)
    (temporary / "old" / "model" / "weights").touch()
    (temporary / "new").mkdir()

    sweep(tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["model", "model/weights"]


def test_a_folder_that_another_host_was_replacing_comes_back_too(tmp_path: Path) -> None:
    (tmp_path / leftover(STRANGER) / "old" / "model").mkdir(parents=True)

    recover(tmp_path / "model")

    assert (tmp_path / "model").is_dir()


def test_what_a_killed_write_leaves_goes_with_the_next_one(tmp_path: Path) -> None:
    def write_half() -> None:
        temporary_file(tmp_path).write_text("half")
        with atomic_folder(tmp_path / "model") as new:
            (new / "weights").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    killed_while(write_half)
    assert len(list(tmp_path.iterdir())) == 2

    write_text(tmp_path / "other.txt", "text")

    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
