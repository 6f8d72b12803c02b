"""Hidden files beside an output: they name their process, so that those of dead ones can be removed."""

import errno
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from atlop.files.process import Process

PREFIX = ".atlop-"
"""Start of the name of every hidden file and folder that the package makes beside an output."""
LOCK_SUFFIX = ".lock"
_HOLDER_LENGTH = 1000  # bytes of a lock file that are read


def temporary_file(folder: Path) -> Path:
    """Make an empty file in a folder; its name has the same length whatever the output is called."""
    handle, name = tempfile.mkstemp(prefix=f"{PREFIX}{Process.current()}-", dir=folder)
    os.close(handle)
    return Path(name)


def temporary_folder(folder: Path) -> Path:
    """Make an empty folder in a folder; see `temporary_file`."""
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{Process.current()}-", dir=folder))


def sweep(folder: Path) -> None:
    """Remove what dead processes of this host left in a folder, after `put_back`; everything else stays."""
    for path in folder.glob(f"{PREFIX}*"):
        is_lock = path.suffix == LOCK_SUFFIX
        process = Process.named_in(lock_holder(path) if is_lock else path.name)
        if process is None or not process.is_dead():
            continue
        with suppress(OSError):  # another user's, or just removed
            if is_lock:
                if (handle := take_lock(path)) is not None:
                    release_lock(path, handle)
            elif path.is_dir():
                put_back(path)
                shutil.rmtree(path)
            else:
                path.unlink()


def put_back(temporary: Path) -> None:
    """Move the folders `old/*` of a temporary folder beside it again, unless they have been replaced."""
    for old in temporary.glob("old/*"):
        path = temporary.parent / old.name
        if not path.exists():
            old.rename(path)


def take_lock(path: Path) -> int | None:
    """Return an open lock file that no other process can take until it is released or this process ends.

    `None` if another process has it. By `fcntl`, since `filelock` empties the file that names the holder.

    Raises:
        OSError: The file cannot be opened, or the file system has no locks.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        if _is_open_file(path, handle):
            return handle
        os.close(handle)  # its holder removed it before this process locked it


def release_lock(path: Path, handle: int) -> None:
    """Remove a lock file and let others make a new one."""
    if _is_open_file(path, handle):
        path.unlink()
    os.close(handle)


def lock_holder(path: Path) -> str:
    """Return what the holder of a lock wrote into its file; empty if there is none."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.read(handle, _HOLDER_LENGTH).decode(errors="replace")
        finally:
            os.close(handle)
    return ""


def _is_open_file(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(handle))
    return False
