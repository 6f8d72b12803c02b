"""Files are read with an error that names them, and written whole or not at all."""

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ujson

from atlop.errors import AtlopError


def read_json(path: Path) -> Any:
    """Read a JSON file, also one packed as `.gz`.

    Raises:
        AtlopError: The file is missing, not readable, or not JSON; the message gives line and column.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AtlopError(f"{path}: byte {error.start} is not UTF-8; expected a JSON file in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise _not_read(path, error) from None
    try:
        return ujson.loads(text)
    except ValueError:
        pass  # read again below: the standard parser says where it stopped
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise AtlopError(
            f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); "
            "the file may be cut short or of another format"
        ) from None


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _not_read(path, error) from None


def _not_read(path: Path, error: Exception) -> AtlopError:
    if isinstance(error, FileNotFoundError):
        return AtlopError(f"{path}: no such file; check the path (data/README.md says where each corpus comes from)")
    return AtlopError(f"{path}: cannot be read: {error}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` on success, remove it on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(usual_mode())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def refuse_taken(folder: Path) -> None:
    """Make sure that a folder to be written does not exist or is empty.

    Raises:
        AtlopError: There is something.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise AtlopError(f"{folder}: exists already; give another folder with --output, or remove this one")


def usual_mode() -> int:
    """Return the permissions that a new file gets here; temporary files are made with narrower ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power loss, where the system allows it (POSIX)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
