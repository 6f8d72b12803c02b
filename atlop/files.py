"""Files are read with an error that names them, and written whole or not at all."""

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

from atlop.errors import AtlopError
from atlop.parsing import parse_json, parse_toml


def read_json(path: Path) -> Any:
    """Read a JSON file, also one packed as `.gz`.

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
    with _errors_named(path):
        data = path.read_bytes()
    try:
        return parse_toml(data.decode(), where=str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AtlopError(f"{path}: not valid TOML: {error}") from None


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, also of one packed as `.gz`, one at a time and without a byte order mark.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    with opened(path) as file:
        yield from file


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Give the bytes of a file, unpacked where its name ends in `.gz`, behind a byte order mark.

    Raises:
        AtlopError: The file is missing or, now or later, not readable.
    """
    with _errors_named(path), path.open("rb") as file, ExitStack() as stack:
        reader = file
        if path.suffix == ".gz":
            packed = stack.enter_context(gzip.GzipFile(fileobj=file))
            reader = stack.enter_context(io.BufferedReader(_Unpacked(packed, size=path.stat().st_size), 1 << 17))
        if reader.peek(3).startswith(codecs.BOM_UTF8):
            reader.read(3)
        yield reader


class _Unpacked(io.RawIOBase):
    """The bytes of a packed file, as long as they are in proportion to it: a few can stand for more than any disk."""

    def __init__(self, packed: gzip.GzipFile, *, size: int):
        """Unpack as it is read; `size` is that of the packed file in bytes."""
        self._packed = packed
        self._size = size
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # `Buffer` has no name yet in Python 3.11
        given = self._packed.readinto(buffer)
        self._given += given
        if self._given > max_unpacked_bytes(self._size):
            raise OSError(
                f"its {self._size:,} bytes unpack to more than {max_unpacked_bytes(self._size):,}, which no text does; "
                "where that is right, unpack it with gunzip first"
            )
        return given


def max_unpacked_bytes(size: int) -> int:
    """Return how many bytes packed ones may unpack to: ten times what corpora and submissions come to, and 8 MB."""
    return (8 << 20) + 40 * size


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes, or of the names and bytes of all files in a folder.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    with _errors_named(path):
        if not path.is_dir():
            return _sha256_of_bytes(path)
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{_sha256_of_bytes(file)}\n".encode())
        return digest.hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` on success, remove it on failure."""
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
    """Give a file for UTF-8 text, packed where `path` ends in `.gz`; it becomes `path` on success."""
    with atomic_path(path) as temporary, temporary.open("wb") as file, ExitStack() as stack:
        binary: BinaryIO = file
        if path.suffix == ".gz":  # without a name and a time, the same text gives the same bytes
            binary = stack.enter_context(cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=file, mtime=0)))
        yield stack.enter_context(io.TextIOWrapper(binary, encoding="utf-8", newline="\n"))


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`; it takes the place of `path` on success, and is removed on failure.

    No system call replaces a folder that holds something. Whoever comes between the two renames, or after a stop
    between them, finds the old folder by `recovered`.
    """
    new, old = _beside(path, "new"), _beside(path, "old")
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
    """Return where the folder `path` is while it may be replaced: in its place, or aside until the new one comes."""
    old = _beside(path, "old")
    return old if old.is_dir() and not path.exists() else path


def recover(path: Path) -> None:
    """Put the folder `path` back into its place where a stop came while it was being replaced."""
    if (old := recovered(path)) != path:
        old.rename(path)


def model_folder(name: str | Path) -> str:
    """Return the model folder that a run folder holds, or what was given.

    Args:
        name: Run folder, model folder or Hugging Face name.

    Raises:
        AtlopError: It is a folder that holds neither.
    """
    folder = Path(name)
    best = folder / "best"
    if recovered(best).is_dir():
        return str(best)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise AtlopError(
            f"{name}: holds no model: neither best/, which a run makes at its first evaluation, nor config.json"
        )
    return str(name)


def refuse_nonempty(folder: Path) -> None:
    """Make sure that a folder to be written does not exist or is empty.

    Raises:
        AtlopError: There is something.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise AtlopError(f"{folder}: exists already; give another folder with --output, or remove this one")


def refuse_existing(path: Path) -> None:
    """Make sure that a file to be written does not exist.

    Raises:
        AtlopError: There is something.
    """
    if path.exists():
        raise AtlopError(f"{path}: exists already; give another name, or remove this one")


def default_mode() -> int:
    """Return the permissions that a new file gets here; temporary files are made with narrower ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, survive a power loss, where the system allows it (POSIX)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(path: Path, state: str) -> Path:
    return path.with_name(f".{path.name}.{state}")


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading a file into a message that names it."""
    if "\0" in str(path):  # a configuration can say "\u0000"
        raise AtlopError(f"{str(path)!r}: no file is named so; names hold no NUL character")
    try:
        yield
    except FileNotFoundError:
        raise AtlopError(
            f"{path}: no such file; check the path (data/README.md says where each corpus comes from)"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise AtlopError(f"{path}: cannot be read: {error}") from None


def _sha256_of_bytes(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
