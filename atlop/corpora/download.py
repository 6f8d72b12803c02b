"""Download published corpora; every file is checked, and is complete or absent."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ijson
from tqdm import tqdm

from atlop.corpora.published import Checksum, PublishedCorpus, PublishedFile
from atlop.errors import AtlopError
from atlop.files import atomic_path, file_sha256, one_writer, opened, sweep
from atlop.parsing import JSON_CHUNK

_PARTIAL = ".download"
"""Subfolder for incomplete downloads; removed at the end."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file that is in its folder and has been checked."""

    name: str
    done: Literal["fetched", "unpacked", "already there"]
    """`unpacked` if the user had put the packed file into the folder."""
    bytes: int
    sha256: str
    entries: int
    holds: str
    """What the entries are: documents, or relation names."""
    sha256_known: bool
    """Whether a checksum was known and compared; otherwise only the entries were counted."""


def download(
    corpus: PublishedCorpus, *, folder: Path, names: Sequence[str] = (), server: str | None = None, force: bool = False
) -> list[DownloadedFile]:
    """Fetch the files of a corpus that are missing, and check all of them.

    Args:
        corpus: The corpus.
        folder: Folder for the files.
        names: Files to fetch, with or without `.json`; empty for those that are fetched by default.
        server: Replaces the default server of the host.
        force: Fetch existing files again.

    Returns:
        One item per file, in the order of `corpus.files`.

    Raises:
        AtlopError: A name is unknown, an existing file is wrong, a file cannot be fetched or is wrong, or the folder
            cannot be written or is being written. Correct files stay in place; a wrong one that was fetched is removed.
    """
    files = _select(corpus, names)
    existing = [file for file in files if not force and (folder / file.name).exists()]
    done = {file: _check_existing(folder / file.name, file) for file in existing}
    missing = [file for file in files if file not in done]
    if missing or (folder / _PARTIAL).exists():
        with one_writer(folder, is_folder=True):
            done |= _fetch_missing(corpus, missing, folder=folder, server=server, force=force)
    sweep(folder)
    return [done[file] for file in files]


def _fetch_missing(
    corpus: PublishedCorpus, missing: Sequence[PublishedFile], *, folder: Path, server: str | None, force: bool
) -> dict[PublishedFile, DownloadedFile]:
    if force:
        shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
    done = {}
    for index, file in enumerate(missing):
        try:
            published = _fetch(corpus, file, folder=folder, server=server, force=force)
        except AtlopError as problem:
            instructions = _instructions(corpus, missing[index:], folder=folder, server=server)
            raise AtlopError(f"{problem}\n{instructions}") from None
        done[file] = _install(published, file, corpus=corpus, folder=folder, server=server)
    shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
    return done


def _select(corpus: PublishedCorpus, names: Sequence[str]) -> list[PublishedFile]:
    requested = {name.removesuffix(".gz").removesuffix(".json") + ".json" for name in names}
    known = {file.name for file in corpus.files}
    if unknown := sorted(requested - known):
        listed = ", ".join(name.removesuffix(".json") for name in sorted(known))
        note = f". {corpus.note}" if corpus.note else ""
        raise AtlopError(f"{corpus.title}: no file {unknown[0]!r}; the files are {listed}{note}")
    return [file for file in corpus.files if (file.name in requested if requested else file.fetched_by_default)]


def _fetch(corpus: PublishedCorpus, file: PublishedFile, *, folder: Path, server: str | None, force: bool) -> Path:
    """Return the file as published: one that the user has put into the folder, or else a download."""
    manual = folder / file.download_name
    if file.is_packed and manual.is_file() and not force:
        return manual
    return corpus.host.fetch(file.path, folder=folder / _PARTIAL, server=server, force=force)


def _install(
    published: Path, file: PublishedFile, *, corpus: PublishedCorpus, folder: Path, server: str | None
) -> DownloadedFile:
    """Check a published file, unpack it if necessary, check the result and move it into the folder."""
    is_download = (folder / _PARTIAL).resolve() in published.resolve().parents  # hosts may give absolute paths
    location = corpus.host.url(file.path, server=server) if is_download else str(published)
    try:
        _compare(published, file.download, location=location)
        with atomic_path(folder / file.name) as temporary:
            if file.is_packed:
                _unpack(published, to=temporary, location=location)
            else:
                published.replace(temporary)
            fetched = published.parent != folder  # now, or earlier into the host library's cache
            return _check(temporary, file, location=location, done="fetched" if fetched else "unpacked")
    except AtlopError as problem:
        if is_download:
            shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
            advice = "it was removed; run the command again, or report this where the corpus is published"
        else:
            advice = "remove it and run the command again"
        raise AtlopError(f"{problem}; {advice}") from None


def _check_existing(path: Path, file: PublishedFile) -> DownloadedFile:
    try:
        return _check(path, file, location=str(path), done="already there")
    except AtlopError as problem:
        raise AtlopError(f"{problem}; run the command with --force to fetch it again, or move it away") from None


def _check(
    path: Path, file: PublishedFile, *, location: str, done: Literal["fetched", "unpacked", "already there"]
) -> DownloadedFile:
    digest = _compare(path, file.checksum, location=location)
    entries = _count(path, file, location=location)
    if entries != file.entries:
        note = f" ({file.note})" if file.note else ""
        raise AtlopError(f"{location}: has {entries:,} {file.content}, expected {file.entries:,}{note}")
    is_known = file.checksum.sha256 is not None or (done != "already there" and file.download.sha256 is not None)
    return DownloadedFile(file.name, done, path.stat().st_size, digest, entries, file.content, is_known)


def _compare(path: Path, expected: Checksum, *, location: str) -> str:
    """Return the sha256 of a file after checking it and the size against the expected ones."""
    size, sha256 = path.stat().st_size, file_sha256(path)
    if expected.bytes not in (None, size) or expected.sha256 not in (None, sha256):
        sizes = ("", "") if expected.bytes is None else (f"{size:,} bytes and ", f"{expected.bytes:,} bytes and ")
        raise AtlopError(f"{location}: has {sizes[0]}sha256 {sha256}, expected {sizes[1]}sha256 {expected.sha256}")
    return sha256


def _count(path: Path, file: PublishedFile, *, location: str) -> int:
    """Count the entries; one at a time is in memory."""
    with path.open("rb") as text:
        read, prefix = (ijson.items, "item") if file.content == "documents" else (ijson.kvitems, "")
        entries = read(text, prefix, use_float=True, buf_size=JSON_CHUNK)
        progress = tqdm(entries, desc=f"checking {file.name}", unit=file.content, total=file.entries, disable=None)
        try:
            return sum(1 for _ in progress)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise AtlopError(f"{location}: is not the expected JSON: {error}") from None


def _unpack(path: Path, *, to: Path, location: str) -> None:
    try:
        with to.open("wb") as unpacked:
            unpacked.writelines(_blocks(path))
    except AtlopError as problem:
        reason = str(problem).removeprefix(f"{path}: cannot be read: ")
        raise AtlopError(f"{location}: cannot be unpacked: {reason}") from None


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a packed file; what goes wrong where they are written is no failure to read."""
    with opened(path) as packed:
        while block := packed.read(1 << 20):
            yield block


def _instructions(corpus: PublishedCorpus, files: Sequence[PublishedFile], *, folder: Path, server: str | None) -> str:
    """Say which files are missing, where to find them, and what to do with them."""
    lines = [f"To fetch the missing files by hand, put them into {folder}{os.sep} unchanged:"]
    for file in files:
        size = "" if file.download.bytes is None else f"{file.download.bytes:,} bytes, "
        check = f"sha256 {file.download.sha256}" if file.download.sha256 else f"{file.entries:,} {file.content}"
        lines.append(f"  {corpus.host.url(file.path, server=server)}  ({size}{check})")
    lines.append("and run the same command again: it checks and unpacks these files, and fetches only missing ones.")
    return "\n".join(lines)
