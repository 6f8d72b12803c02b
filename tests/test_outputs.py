"""An output has one writer, and the next is told who it is; links are written through."""

import errno
import multiprocessing
import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from atlop.errors import AtlopError
from atlop.files import atomic_folder, atomic_path, one_writer, refuse_existing, refuse_nonempty, sync, write_text
from tests.leftovers import dead_process

HELD = rf"is being written by process \d+ on {re.escape(socket.gethostname())}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"


@contextmanager
def other_writer(path: Path, *, is_folder: bool = False) -> Iterator[int]:
    """Let another process hold an output while the block runs; it ends by a signal that it cannot see coming."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        with one_writer(path, is_folder=is_folder):
            os.write(writing, b"1")
            time.sleep(600)
    os.read(reading, 1)
    try:
        yield process
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_second_writer_is_told_who_writes_and_changes_nothing(is_folder: bool, tmp_path: Path) -> None:
    path = tmp_path / "new" / "output"
    with other_writer(path, is_folder=is_folder) as process:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(AtlopError, match=f"^{path}: {HELD}") as raised, one_writer(path, is_folder=is_folder):
            pass
        assert sorted(tmp_path.rglob("*")) == before
        assert f"process {process} on" in str(raised.value)
    with one_writer(path, is_folder=is_folder):  # the lock ended with its process
        pass
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_second_writer_by_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("output.csv")
    with (
        other_writer(tmp_path / "output.csv"),
        pytest.raises(AtlopError, match=f"link.csv: {HELD}"),
        one_writer(tmp_path / "link.csv"),
    ):
        pass


def test_writers_of_different_outputs_do_not_meet(tmp_path: Path) -> None:
    with other_writer(tmp_path / "a.csv"), one_writer(tmp_path / "b.csv"), one_writer(tmp_path / "c", is_folder=True):
        write_text(tmp_path / "b.csv", "")
        write_text(tmp_path / "c" / "d", "")


def test_threads_are_writers_of_their_own(tmp_path: Path) -> None:
    with one_writer(tmp_path / "a"), ThreadPoolExecutor(1) as pool, pytest.raises(AtlopError, match=HELD):
        pool.submit(lambda: one_writer(tmp_path / "a").__enter__()).result()


def test_a_process_that_leaves_the_writing_to_another_needs_no_lock(tmp_path: Path) -> None:
    with other_writer(tmp_path / "a"), one_writer(tmp_path / "a", by_this_process=False):
        pass


def test_an_output_folder_that_is_being_filled_names_its_writer_and_one_that_only_begins_is_empty(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    with other_writer(folder, is_folder=True):
        refuse_nonempty(folder)
        (folder / "config.toml").touch()
        with pytest.raises(AtlopError, match=f"run: {HELD}"):
            refuse_nonempty(folder)
    with pytest.raises(AtlopError, match="run: already exists; continue its run with `atlop train"):
        refuse_nonempty(folder)
    with (
        one_writer(folder, is_folder=True),
        pytest.raises(AtlopError, match="run: already exists; continue its run with `atlop train"),
    ):
        refuse_nonempty(folder)


def count_together(folder: Path, turns: int) -> int:
    """Add 1 to a number in a file, again and again, whenever the lock is free; return how often."""
    done = 0
    while done < turns:
        try:
            with one_writer(folder / "number"):
                value = int((folder / "number").read_text())
                (folder / "number").write_text(str(value + 1))
                done += 1
        except AtlopError:
            pass
    return done


def test_a_lock_that_comes_and_goes_never_has_two_holders(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    with multiprocessing.get_context("fork").Pool(3) as pool:
        done = pool.starmap(count_together, [(tmp_path, 60)] * 3)

    assert int((tmp_path / "number").read_text()) == sum(done) == 180
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def test_where_the_file_system_has_no_locks_a_warning_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with one_writer(tmp_path / "a"):
        write_text(tmp_path / "a", "text")

    assert "nothing keeps a second process from writing it: No locks available" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_is_written_through_even_where_it_leads_nowhere_yet(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link, folder_link = tmp_path / "link.txt", tmp_path / "model"
    link.symlink_to("disk/file.txt")
    folder_link.symlink_to("disk/model")
    for text in ("one", "two"):
        write_text(link, text)
        with atomic_folder(folder_link) as new:
            (new / "weights").write_text(text)

        assert (tmp_path / "disk" / "file.txt").read_text() == text
        assert (tmp_path / "disk" / "model" / "weights").read_text() == text
        assert link.is_symlink()
        assert folder_link.is_symlink()
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["file.txt", "model"]


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(AtlopError, match="a: is a link that leads to itself"):
        write_text(tmp_path / "a", "")


def test_an_output_of_another_kind_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path, tmp_path / "pipe.json", Path("/dev/null")):
        with (
            pytest.raises(AtlopError, match=f"^{path}: already exists, and is no file; pass another"),
            one_writer(path),
        ):
            pass
    with pytest.raises(AtlopError, match="is no folder"), one_writer(tmp_path / "pipe.json", is_folder=True):
        pass


@pytest.mark.parametrize("path", ["~/facts.csv", "~", "~nobody/facts.csv", "~/runs/one"])
def test_a_tilde_that_the_shell_left_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (refuse_existing, refuse_nonempty, lambda path: write_text(path, "")):
        with pytest.raises(AtlopError, match=f"^{path}: only a shell replaces ~, and none did here"):
            use(Path(path))
    with pytest.raises(AtlopError, match="only a shell replaces ~"), one_writer(Path(path)):
        pass
    assert not list(tmp_path.iterdir())


def test_a_name_that_begins_with_a_tilde_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    write_text(Path("~draft.txt"), "")
    write_text(Path("~/draft.txt"), "")
    assert (tmp_path / "~" / "draft.txt").exists()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_flush_folders_is_written_to(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, "cannot")
        flush(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "a", "text")
    with atomic_folder(tmp_path / "b") as new:
        (new / "c").touch()


def test_a_disk_that_fails_to_flush_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        sync(tmp_path)


def test_errors_name_the_output_and_not_its_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(IsADirectoryError) as raised, atomic_path(tmp_path / "out"):
        pass
    assert raised.value.filename == str(tmp_path / "out")


def test_a_folder_that_nobody_may_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    monkeypatch.setattr("atlop.files.outputs.take_lock", deny)
    path = tmp_path / "new" / "out.csv"
    with pytest.raises(AtlopError, match=f"^{path}: cannot be written: Permission denied; pass"), one_writer(path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_that_a_dead_process_left_is_taken_over_and_removed(tmp_path: Path) -> None:
    with other_writer(tmp_path / "a"):
        [lock] = tmp_path.iterdir()
    lock.write_text(f"{dead_process()} process 1 on here, since long ago\n")
    with one_writer(tmp_path / "a"):
        assert "long ago" not in lock.read_text()
    assert not list(tmp_path.iterdir())
