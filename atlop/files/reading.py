"""Read files, on this machine and remote ones, with errors that name them; only regular ones, which have an end."""

import codecs
import gzip
import hashlib
import io
import stat
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files.outputs import refuse_tilde
from atlop.files.remote import address, files_below, is_remote, open_bytes
from atlop.parsing import parse_json, parse_toml

_MAX_TOML = 1 << 20  # bytes; far more than any configuration has, and the parser is slow
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


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
    with opened(path) as file:
        data = file.read(_MAX_TOML + 1)
    if len(data) > _MAX_TOML:
        raise AtlopError(f"{path}: has more than {_MAX_TOML:,} bytes; expected a TOML file for settings")
    try:
        return parse_toml(data.decode(), where=str(path))
    except UnicodeDecodeError as error:
        raise AtlopError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
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
    with reading(path), open_bytes(path) as file, ExitStack() as stack:
        reader = file
        if path.suffix == ".gz":
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            compressed = stack.enter_context(gzip.GzipFile(fileobj=file))
            reader = stack.enter_context(io.BufferedReader(_Decompressed(compressed, size=size), 1 << 17))
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
    """Return the hexadecimal sha256 of a file's bytes, or of the names and bytes of a folder's `files_below`.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    if not path.is_dir():
        with reading(path):
            return _bytes_sha256(path)
    digest = hashlib.sha256()
    for file in files_below(path):
        with reading(file):
            digest.update(f"{file.relative_to(path).as_posix()}\0{_bytes_sha256(file)}\n".encode())
    return digest.hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Check that a path is that of a regular file, and turn errors while it is read into messages that name it.

    Raises:
        AtlopError: The file is missing, is not regular, or cannot be read.
    """
    if "\0" in str(path):  # "\u0000" in a configuration
        raise AtlopError(f"{str(path)!r}: not a file name, which cannot contain NUL characters")
    refuse_tilde(path)
    try:
        kind = None if is_remote(path) else _KINDS.get(stat.S_IFMT(path.stat().st_mode))
        if kind is not None:
            raise AtlopError(f"{path}: is {kind}; expected a regular file, which can be read again")
        yield
    except FileNotFoundError:
        raise AtlopError(
            f"{address(path)}: no such file; check the path (data/README.md says where each corpus comes from)"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise AtlopError(f"{address(path)}: cannot be read: {error}") from None


def _bytes_sha256(path: Path) -> str:
    with open_bytes(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
