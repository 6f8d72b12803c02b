"""Read files with errors that name them, and write files atomically."""

import codecs
import gzip
import hashlib
import io
import json
import os
import shutil
import tempfile
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from atlop import sample
from atlop.errors import AtlopError
from atlop.parsing import parse_json, parse_toml


def read_json(path: Path) -> Any:
    """Read a JSON file, which may be compressed (`.gz`).

    Raises:
        AtlopError: The file is missing, not readable, or not JSON; the message gives line and column.
    """
    with opened(path) as file:
        data = file.read()
    return parse_json(data, where=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        AtlopError: The file is missing, not readable, or not TOML.
    """
    with _naming_errors(path):
        data = path.read_bytes()
    try:
        return parse_toml(data.decode(), where=str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AtlopError(f"{path}: not valid TOML: {error}") from None


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, which may be compressed (`.gz`), without a byte order mark.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    with opened(path) as file:
        yield from file


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading bytes after a byte order mark, decompressed if its name ends in `.gz`.

    Raises:
        AtlopError: The file is missing, or cannot be opened or read.
    """
    with _naming_errors(path), path.open("rb") as file, ExitStack() as stack:
        reader = file
        if path.suffix == ".gz":
            compressed = stack.enter_context(gzip.GzipFile(fileobj=file))
            reader = stack.enter_context(
                io.BufferedReader(_Decompressed(compressed, size=path.stat().st_size), 1 << 17)
            )
        if reader.peek(3).startswith(codecs.BOM_UTF8):
            reader.read(3)
        yield reader


class _Decompressed(io.RawIOBase):
    """The decompressed bytes of a file; raises an error for a decompression bomb."""

    def __init__(self, compressed: gzip.GzipFile, *, size: int):
        """Wrap a file; `size` is its compressed size in bytes."""
        self._compressed = compressed
        self._size = size
        self._bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # `Buffer` has no name yet in Python 3.11
        count = self._compressed.readinto(buffer)
        self._bytes_read += count
        if self._bytes_read > max_unpacked_bytes(self._size):
            raise OSError(
                f"its {self._size:,} bytes unpack to more than {max_unpacked_bytes(self._size):,}, "
                "which is unusual for text; if it is correct, unpack it with gunzip first"
            )
        return count


def max_unpacked_bytes(size: int) -> int:
    """Return the maximum decompressed size for a compressed size: ten times the ratio of real corpora, plus 8 MB."""
    return (8 << 20) + 40 * size


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes, or of the names and bytes of all files in a folder.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    with _naming_errors(path):
        if not path.is_dir():
            return _bytes_sha256(path)
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{_bytes_sha256(file)}\n".encode())
        return digest.hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, remove it on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        sync(temporary)
        temporary.chmod(default_mode())
        temporary.replace(path)
        sync(path.parent)
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
    """
    new, old = _hidden_sibling(path, "new"), _hidden_sibling(path, "old")
    recover(path)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        for file in (*new.rglob("*"), new):
            sync(file)
        if path.exists():
            path.rename(old)
        new.rename(path)
        sync(path.parent)
    finally:
        recover(path)
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def recovered(path: Path) -> Path:
    """Return the folder `path`, or the old one if `atomic_folder` was interrupted after renaming it."""
    old = _hidden_sibling(path, "old")
    return old if old.is_dir() and not path.exists() else path


def recover(path: Path) -> None:
    """Rename the old folder back to `path` if a crash interrupted its replacement."""
    if (old := recovered(path)) != path:
        old.rename(path)


def model_folder(name: str | Path) -> str:
    """Return the folder of a run's best model or of the sample model; other folders and names are returned unchanged.

    Raises:
        AtlopError: It is a folder without a model.
    """
    folder = Path(name)
    if str(name) == sample.NAME and not folder.exists():
        return str(sample.MODEL)
    best = folder / "best"
    if recovered(best).is_dir():
        return str(best)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise AtlopError(
            f"{name}: holds no model: neither best/, which a run writes at its first evaluation, nor config.json"
        )
    return str(name)


def refuse_nonempty(folder: Path) -> None:
    """Check that an output folder is empty or missing.

    Raises:
        AtlopError: It is not empty, or is a file.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise AtlopError(f"{folder}: already exists; pass another folder with --output, or remove this one")


def refuse_existing(path: Path) -> None:
    """Check that an output file does not exist.

    Raises:
        AtlopError: It exists.
    """
    if path.exists():
        raise AtlopError(f"{path}: already exists; pass another name, or remove this one")


def default_mode() -> int:
    """Return the permissions of a new file under the umask; `tempfile` sets narrower ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk (POSIX)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hidden_sibling(path: Path, state: str) -> Path:
    return path.with_name(f".{path.name}.{state}")


@contextmanager
def _naming_errors(path: Path) -> Iterator[None]:
    """Convert errors while reading a file into messages that name it."""
    if "\0" in str(path):  # "\u0000" in a configuration
        raise AtlopError(f"{str(path)!r}: not a file name, which cannot contain NUL characters")
    try:
        yield
    except FileNotFoundError:
        raise AtlopError(
            f"{path}: no such file; check the path (data/README.md says where each corpus comes from)"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise AtlopError(f"{path}: cannot be read: {error}") from None


def _bytes_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
