"""Where output may go: not through `~`, not over what is there, not where another process writes."""

import errno
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from atlop.errors import AtlopError
from atlop.files.process import Process
from atlop.files.remote import address, exists, is_remote
from atlop.files.temporary import LOCK_SUFFIX, PREFIX, lock_holder, release_lock, sweep, take_lock

logger = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
_ATTEMPTS, _PAUSE = 50, 0.01  # seconds; a lock is taken, released or swept in much less


@contextmanager
def one_writer(path: Path, *, is_folder: bool = False, by_this_process: bool = True) -> Iterator[None]:
    """Keep other processes from writing an output while the block runs; folders that stay empty are removed again.

    An operating system's lock, which ends with its process, on a hidden file: in the folder, or beside the file. A
    remote output has none.

    Args:
        path: The output.
        is_folder: Whether it is a folder, with all that will be in it.
        by_this_process: Whether this is the process, of several that were launched together, that writes.

    Raises:
        AtlopError: Another process writes it, or it cannot be written.
    """
    if not by_this_process or is_remote(path):
        yield
        return
    target = output_target(path)
    if target.exists() and not (target.is_dir() if is_folder else target.is_file()):
        raise AtlopError(f"{path}: already exists, and is no {'folder' if is_folder else 'file'}; pass another name")
    lock = _lock(target, is_folder=is_folder)
    folder = lock.parent
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        handle = _take(lock, path=path)
    except OSError as error:
        _remove_empty(made)
        raise AtlopError(f"{path}: cannot be written: {error.strerror}; pass another name") from None
    try:
        sweep(folder)
        yield
    finally:
        release_lock(lock, handle)
        _remove_empty(made)


class WritingProcess(NamedTuple):
    """A process that writes an output."""

    description: str
    """Its number, machine, and since when."""
    is_here: bool
    """Whether it is on this machine, and so is known to run."""


def current_writer(folder: Path) -> WritingProcess | None:
    """Return who writes a folder now, by `one_writer`; on other machines it may have ended meanwhile."""
    process, description = _living_holder(_lock(output_target(folder), is_folder=True))
    return None if process is None else WritingProcess(description, is_here=process.host == Process.current().host)


def hidden_path(path: Path, *, suffix: str) -> Path:
    """Return the path of a hidden file or folder beside an output, the same in every process."""
    return path.with_name(f"{PREFIX}{sha256(os.fsencode(path.name)).hexdigest()[:16]}{suffix}")


def output_target(path: Path) -> Path:
    """Return the absolute path that an output replaces: that of the path, or what it links to.

    Raises:
        AtlopError: It begins with a `~` that the shell left, or is a link to itself.
    """
    refuse_tilde(path)
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise AtlopError(f"{path}: is a link that leads to itself; remove it")
    return target


def refuse_tilde(path: Path) -> None:
    """Refuse a path whose `~` the shell did not replace, as in a configuration or after `=`.

    Raises:
        AtlopError: It begins with `~`, and there is no such folder here.
    """
    first, *others = path.parts or ("",)
    if first.startswith("~") and (others or first == "~") and not Path(first).exists():
        raise AtlopError(f"{path}: only a shell replaces ~, and none did here; write out the folder that it stands for")


def refuse_nonempty(folder: Path) -> None:
    """Check that an output folder is empty or missing; hidden files of a writer that was stopped do not count.

    Raises:
        AtlopError: It is not empty, or is a file.
    """
    refuse_tilde(folder)
    if not folder.exists():  # asked first, and once: a process that was launched beside this one may make it now
        return
    if folder.is_dir() and all(path.name.startswith(PREFIX) for path in folder.iterdir()):
        return
    process, holder = _living_holder(_lock(folder, is_folder=True))
    if process not in (None, Process.current()):
        raise _held(folder, holder)
    resume = f"continue its run with `atlop train --resume {folder}`, " if (folder / "config.toml").is_file() else ""
    raise AtlopError(f"{folder}: already exists; {resume}pass another folder with --output, or remove this one")


def refuse_existing(path: Path) -> None:
    """Check that an output file does not exist.

    Raises:
        AtlopError: It exists.
    """
    refuse_tilde(path)
    if exists(path):
        raise AtlopError(f"{address(path)}: already exists; pass another name, or remove this one")


def _take(lock: Path, *, path: Path) -> int:
    """Take a lock and write into it who has it."""
    for _ in range(_ATTEMPTS):
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = take_lock(lock)
        except FileNotFoundError:  # the folder was just removed, empty, by its maker
            continue
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            logger.warning("%s: nothing keeps a second process from writing it: %s", path, error.strerror)
            return os.open(lock, os.O_RDONLY)
        if handle is not None:
            since = datetime.now().astimezone().isoformat(" ", "seconds")
            name = f"process {os.getpid()} on {platform.node()}, since {since}"
            os.ftruncate(handle, 0)
            os.write(handle, f"{Process.current()} {name}\n".encode())
            return handle
        process, holder = _living_holder(lock)
        if process is not None:
            break
        time.sleep(_PAUSE)
    raise _held(path, holder)


def _living_holder(lock: Path) -> tuple[Process | None, str]:
    """Return the process that a lock file names, and its description, unless it has ended."""
    owner, _, description = lock_holder(lock).strip().partition(" ")
    process = Process.named_in(owner)
    return (None, "another process") if process is None or process.is_dead() else (process, description)


def _held(path: Path, holder: str) -> AtlopError:
    return AtlopError(f"{path}: is being written by {holder}; wait until it has ended, or stop it")


def _lock(target: Path, *, is_folder: bool) -> Path:
    """Return the lock file of an output: in a folder, beside a file."""
    return hidden_path(target / "folder" if is_folder else target, suffix=LOCK_SUFFIX)


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
