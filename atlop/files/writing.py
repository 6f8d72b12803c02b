"""Write files and folders atomically."""

import errno
import gzip
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from atlop.errors import AtlopError
from atlop.files.outputs import output_target
from atlop.files.remote import address, is_remote, uploaded
from atlop.files.temporary import PREFIX, put_back, sweep, temporary_file, temporary_folder

_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems answer that cannot flush a folder, such as shares of Windows."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, remove it on failure.

    If `path` is a link, the link stays, and what it leads to is replaced. A remote path gets the file by one upload.

    Raises:
        AtlopError: A remote path cannot be written.
    """
    if is_remote(path):
        with uploaded(path) as temporary:
            yield temporary
        return
    target = output_target(path)
    with _naming_output(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        temporary = temporary_file(target.parent)
        try:
            yield temporary
            sync(temporary)
            temporary.chmod(default_mode())
            temporary.replace(target)
            sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """Yield a file for UTF-8 text, compressed if `path` ends in `.gz`; it becomes `path` on success."""
    with atomic_path(path) as temporary, temporary.open("wb") as file, ExitStack() as stack:
        binary: BinaryIO = file
        if path.suffix == ".gz":  # without name and time, so that equal texts give equal bytes
            binary = stack.enter_context(cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=file, mtime=0)))
        yield stack.enter_context(io.TextIOWrapper(binary, encoding="utf-8", newline="\n"))


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that replaces `path` on success and is removed on failure.

    No system call replaces a folder that is not empty, so this takes two renames. Between them, and after a crash
    there, `recovered` returns the old folder.

    Raises:
        AtlopError: The path is remote; a store has no folders that could be renamed.
    """
    if is_remote(path):
        raise AtlopError(f"{address(path)}: a folder is written on this machine alone; pass a path here, and upload it")
    target = output_target(path)
    with _naming_output(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        recover(target)
        sweep(target.parent)
        temporary = temporary_folder(target.parent)
        new, old = temporary / "new", temporary / "old"
        try:
            new.mkdir()
            old.mkdir()
            yield new
            for file in (*new.rglob("*"), new, temporary):
                sync(file)
            if target.exists():
                target.rename(old / target.name)
            new.rename(target)
            sync(target.parent)
        finally:
            put_back(temporary)
            shutil.rmtree(temporary, ignore_errors=True)


def recovered(path: Path) -> Path:
    """Return the folder `path`, or the old one if `atomic_folder` was interrupted after renaming it."""
    if path.exists():
        return path
    target = Path(os.path.realpath(path))
    candidates = (temporary / "old" / target.name for temporary in target.parent.glob(f"{PREFIX}*"))
    return next((old for old in candidates if old.is_dir()), path)


def recover(path: Path) -> None:
    """Rename the old folder back to `path` if a crash interrupted its replacement."""
    if (old := recovered(path)) != path:
        old.rename(os.path.realpath(path))


def recover_all(folder: Path) -> None:
    """Recover every folder in a folder."""
    for old in folder.glob(f"{PREFIX}*/old/*"):
        recover(folder / old.name)


def default_mode() -> int:
    """Return the permissions of a new file under the umask; `tempfile` sets narrower ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder where the file system can, to disk (POSIX)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC or not path.is_dir():
            raise
    finally:
        os.close(handle)


@contextmanager
def _naming_output(path: Path) -> Iterator[None]:
    """Let errors that name a temporary file name the output instead."""
    try:
        yield
    except OSError as error:
        if PREFIX in str(error.filename):
            error.filename, error.filename2 = str(path), None
        raise
