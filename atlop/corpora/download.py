"""Published corpora brought to where the configurations look for them: every file checked, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from atlop.corpora.published import Digest, PublishedCorpus, PublishedFile
from atlop.errors import AtlopError
from atlop.files import atomic_path, file_sha256, opened

_PARTIAL = ".download"
"""Folder, beside the corpus, of what has come so far; gone when all is done."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file that is in place and right."""

    name: str
    done: Literal["fetched", "unpacked", "already there"]
    """Whether it came from its host, from a packed file that somebody had put there, or was there."""
    bytes: int
    sha256: str
    entries: int
    holds: str
    """What its entries are: documents, or relation names."""
    sha256_known: bool
    """Whether its bytes, packed or unpacked, were compared with a published sum; else its entries were counted."""


def download(
    corpus: PublishedCorpus, *, folder: Path, names: Sequence[str] = (), server: str | None = None, again: bool = False
) -> list[DownloadedFile]:
    """Bring the files of a corpus that are not there yet, and check them all.

    Args:
        corpus: The corpus.
        folder: Where its files go.
        names: Those wanted, with or without `.json`; the usual ones where empty.
        server: Another server than the corpus' own.
        again: Whether files that are there are fetched again.

    Returns:
        One entry a file, in the order of the corpus.

    Raises:
        AtlopError: There is no such file, one that is there is wrong, one does not come or is wrong, or the folder
            cannot be written. Every right file stays in place; of a wrong one that was fetched nothing does.
    """
    files = _chosen(corpus, names)
    there = {file: _found(folder / file.name, file) for file in files if not again and (folder / file.name).exists()}
    missing = [file for file in files if file not in there]
    if missing:
        _refuse_read_only(folder)
        if again:
            shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
    brought = {}
    for index, file in enumerate(missing):
        try:
            packed = _packed_or_fetched(corpus, file, folder=folder, server=server, again=again)
        except AtlopError as problem:
            raise AtlopError(f"{problem}\n{_by_hand(corpus, missing[index:], folder=folder, server=server)}") from None
        brought[file] = _put_in_place(packed, file, corpus=corpus, folder=folder, server=server)
    shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
    return [(there | brought)[file] for file in files]


def _chosen(corpus: PublishedCorpus, names: Sequence[str]) -> list[PublishedFile]:
    wanted = {name.removesuffix(".gz").removesuffix(".json") + ".json" for name in names}
    known = {file.name for file in corpus.files}
    if unknown := sorted(wanted - known):
        listed = ", ".join(name.removesuffix(".json") for name in sorted(known))
        note = f". {corpus.note}" if corpus.note else ""
        raise AtlopError(f"{corpus.title}: no file {unknown[0]!r}; there are {listed}{note}")
    return [file for file in corpus.files if (file.name in wanted if wanted else file.usual)]


def _packed_or_fetched(
    corpus: PublishedCorpus, file: PublishedFile, *, folder: Path, server: str | None, again: bool
) -> Path:
    """Return a file as it is published: one that somebody has put there, or one that is fetched now."""
    by_hand = folder / file.published_name
    if file.is_packed and by_hand.is_file() and not again:
        return by_hand
    return corpus.host.fetch(file.path, folder=folder / _PARTIAL, server=server, again=again)


def _put_in_place(
    published: Path, file: PublishedFile, *, corpus: PublishedCorpus, folder: Path, server: str | None
) -> DownloadedFile:
    """Check a file as it is published, unpack it and check that, and give it its name."""
    is_ours = folder / _PARTIAL in published.parents
    place = corpus.host.url(file.path, server=server) if is_ours else str(published)
    try:
        _compare(published, file.published, place=place)
        with atomic_path(folder / file.name) as temporary:
            if file.is_packed:
                _unpack(published, to=temporary, place=place)
            else:
                published.replace(temporary)
            return _checked(temporary, file, place=place, done="unpacked" if published.parent == folder else "fetched")
    except AtlopError as problem:
        if is_ours:
            shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
            advice = "nothing of it was kept; call the command again, or report it where the corpus is published"
        else:
            advice = "remove it and call the command again"
        raise AtlopError(f"{problem}; {advice}") from None


def _found(path: Path, file: PublishedFile) -> DownloadedFile:
    """Check a file that is there.

    Raises:
        AtlopError: It is not the published one.
    """
    try:
        return _checked(path, file, place=str(path), done="already there")
    except AtlopError as problem:
        raise AtlopError(f"{problem}; call the command with --force to fetch it again, or move it away") from None


def _checked(
    path: Path, file: PublishedFile, *, place: str, done: Literal["fetched", "unpacked", "already there"]
) -> DownloadedFile:
    digest = _compare(path, file.digest, place=place)
    entries = _count(path, file, place=place)
    if entries != file.entries:
        note = f" ({file.note})" if file.note else ""
        raise AtlopError(f"{place}: has {entries:,} {file.holds}, expected {file.entries:,}{note}")
    is_known = file.digest.sha256 is not None or (done != "already there" and file.published.sha256 is not None)
    return DownloadedFile(file.name, done, path.stat().st_size, digest, entries, file.holds, is_known)


def _compare(path: Path, expected: Digest, *, place: str) -> str:
    """Return the sha256 of a file that has the size and the sha256 that it should have."""
    size, sha256 = path.stat().st_size, file_sha256(path)
    if expected.bytes not in (None, size) or expected.sha256 not in (None, sha256):
        wanted = "" if expected.bytes is None else f"{expected.bytes:,} bytes and "
        found = "" if expected.bytes is None else f"{size:,} bytes and "
        raise AtlopError(f"{place}: has {found}sha256 {sha256}, expected {wanted}sha256 {expected.sha256}")
    return sha256


def _count(path: Path, file: PublishedFile, *, place: str) -> int:
    """Return the number of entries, one in memory at a time."""
    import ijson

    with path.open("rb") as text:
        entries = ijson.items(text, "item", use_float=True) if file.holds == "documents" else ijson.kvitems(text, "")
        shown = tqdm(entries, desc=f"checking {file.name}", unit=file.holds, total=file.entries, disable=None)
        try:
            return sum(1 for _ in shown)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise AtlopError(f"{place}: is not the JSON that was expected: {error}") from None


def _unpack(path: Path, *, to: Path, place: str) -> None:
    try:
        with opened(path) as packed, to.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, length=1 << 20)
    except AtlopError as problem:
        found = str(problem).removeprefix(f"{path}: cannot be read: ")
        raise AtlopError(f"{place}: cannot be unpacked: {found}") from None


def _refuse_read_only(folder: Path) -> None:
    """Try the folder before anything is fetched."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise AtlopError(f"{folder}: cannot be written: {error.strerror}; give another folder with --output") from None


def _by_hand(corpus: PublishedCorpus, files: Sequence[PublishedFile], *, folder: Path, server: str | None) -> str:
    """Say what is missing, where it is, and what to do with it."""
    lines = [f"To fetch by hand what is missing, put these files into {folder}{os.sep} as they are:"]
    for file in files:
        size = "" if file.published.bytes is None else f"{file.published.bytes:,} bytes, "
        known = f"sha256 {file.published.sha256}" if file.published.sha256 else f"{file.entries:,} {file.holds}"
        lines.append(f"  {corpus.host.url(file.path, server=server)}  ({size}{known})")
    lines.append("and call the same command again: it checks and unpacks what is there, and fetches only what is not.")
    return "\n".join(lines)
