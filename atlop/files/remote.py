"""Paths on object stores and web servers, such as `s3://bucket/texts.jsonl`, through fsspec.

`s3://` and `gs://` are Arrow's, `hf://` is huggingface_hub's, which are installed anyway; fsspec knows others. A `Path`
keeps one of the two slashes of an address; both forms are understood here, and messages have two.
"""

import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

from atlop.errors import AtlopError, reason_for

_PROTOCOL = re.compile(r"^([a-z][a-z0-9+.-]+):/+")
_BUFFER = 1 << 20  # bytes


def is_remote(path: str | Path) -> bool:
    """Whether a path begins with a protocol; a letter alone, as of a drive of Windows, is none."""
    return _PROTOCOL.match(str(path)) is not None


def address(path: str | Path) -> str:
    """Return a path as messages show it."""
    # An address of a file has no host, so it had three slashes.
    return _PROTOCOL.sub(lambda match: f"{match[1]}://{'/' * (match[1] == 'file')}", str(path))


def exists(path: Path) -> bool:
    """Whether there is a file or a folder.

    Raises:
        AtlopError: A remote one cannot be looked for.
    """
    if not is_remote(path):
        return path.exists()
    with _naming(path, verb="looked for"), _remote(path) as (filesystem, name):
        return _kind(filesystem, name) is not None


def is_folder(path: Path) -> bool:
    """Whether there is a folder; on an object store, whether names begin with it.

    Raises:
        AtlopError: A remote one cannot be looked for.
    """
    if not is_remote(path):
        return path.is_dir()
    with _naming(path, verb="looked for"), _remote(path) as (filesystem, name):
        if str(path).startswith("http"):  # whose information calls a folder a file
            return bool(filesystem.isdir(name))
        return _kind(filesystem, name) == "directory"


def files_below(folder: Path) -> list[Path]:
    """Return the files of a folder, at any depth, in the order of their paths.

    On this machine, those of linked folders are listed too; hidden files and folders, whose names begin with a dot, are
    not: systems and tools make them unasked.

    Raises:
        AtlopError: It cannot be listed.
    """
    if not is_remote(folder):
        with _naming(folder, verb="listed"):
            return sorted(_local_files(folder, inside=frozenset()))
    with _naming(folder, verb="listed"), _remote(folder) as (filesystem, name):
        protocol = str(folder).partition(":")[0]
        found = (file if is_remote(file) else f"{protocol}:/{file.lstrip('/')}" for file in filesystem.find(name))
        return sorted(map(Path, found))


def file_version(path: Path) -> str:
    """Return what changes when a remote file does, as its file system tells it.

    Raises:
        AtlopError: It cannot be looked for.
    """
    with _naming(path, verb="looked for"), _remote(path) as (filesystem, name):
        return str(filesystem.info(name))  # a `ukey` of https never changes; this has ETag or time


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, if there is one.

    Raises:
        AtlopError: A remote one cannot be removed.
    """
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif exists(folder):
        with _naming(folder, verb="removed"), _remote(folder) as (filesystem, name):
            filesystem.rm(name, recursive=True)


def open_bytes(path: Path) -> io.BufferedReader:
    """Open a file for reading.

    Raises:
        OSError: It is missing or cannot be opened; of a remote one, whatever the library of its file system raises.
        AtlopError: The library for the protocol is not installed, or there is none.
    """
    if not is_remote(path):
        return path.open("rb")
    with _remote(path) as (filesystem, name):
        return io.BufferedReader(_RemoteFile(filesystem.open(name, "rb")), _BUFFER)


@contextmanager
def uploaded(path: Path) -> Iterator[Path]:
    """Yield a temporary path on this machine; on success the file there becomes the remote one, whole or not at all.

    Raises:
        AtlopError: It cannot be uploaded.
    """
    with tempfile.TemporaryDirectory(prefix="atlop-") as folder:
        temporary = Path(folder) / "file"
        yield temporary
        with _naming(path, verb="written"), _remote(path) as (filesystem, name), temporary.open("rb") as file:
            try:
                with filesystem.open(name, "wb") as target:
                    shutil.copyfileobj(file, target, _BUFFER)
            except BaseException:  # closing it has stored what was copied so far
                with suppress(Exception):
                    filesystem.rm_file(name)
                raise


def _local_files(folder: Path, *, inside: frozenset[Path]) -> Iterator[Path]:
    """Yield the files of a folder in any order; a link to a folder that it is `inside`, resolved, is not followed."""
    real = folder.resolve()
    if real in inside:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _local_files(path, inside=inside | {real})
        elif path.is_file():
            yield path


def _kind(filesystem: Any, name: str) -> str | None:
    """Return `file` or `directory`, `None` if there is neither; raise other errors, which `exists` of fsspec hides."""
    try:
        return str(filesystem.info(name)["type"])
    except FileNotFoundError:
        return None


@contextmanager
def _remote(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the file system of a path and its name there; what the library raises becomes an `OSError`.

    Raises:
        AtlopError: The library for the protocol is not installed, or there is none.
    """
    try:
        filesystem, name = _filesystem(address(path))
    except (ImportError, NotImplementedError, ValueError) as error:
        raise AtlopError(f"{address(path)}: {reason_for(error)}; for https://: pip install 'atlop[remote]'") from None
    except OSError as error:
        raise AtlopError(f"{address(path)}: cannot be reached: {error}") from None
    filesystem.invalidate_cache()  # other processes write, too
    with _as_os_error():
        yield filesystem, name


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn what the library of a file system raises into an `OSError`."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # of botocore, aiohttp, google-auth and others
        raise OSError(reason_for(error)) from None


def _filesystem(location: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # which few commands need

    protocol, _, name = location.partition("://")
    if protocol in ("s3", "gs"):
        return _bucket(protocol, name.partition("/")[0]), name
    filesystem, name = url_to_fs(location)
    return filesystem, name


@cache
def _bucket(protocol: str, name: str) -> Any:
    """Return the file system of a bucket, whose region is looked for once."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    return ArrowFSWrapper(FileSystem.from_uri(f"{protocol}://{name}")[0], skip_instance_cache=True)


@contextmanager
def _naming(path: Path, *, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AtlopError(f"{address(path)}: cannot be {verb}: {error}") from None


class _RemoteFile(io.RawIOBase):
    """The bytes of a remote file, whose library may raise anything."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with _as_os_error():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:  # `Buffer` has no name yet in Python 3.11
        with _as_os_error():
            return cast(int, cast(Any, self._file).readinto(buffer))

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
