"""`atlop download`: a published corpus brought, and what was done told."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atlop.cli.text import Row
from atlop.errors import AtlopError


def download_corpus(name: str, *, files: Sequence[str], output: Path | None, again: bool) -> dict[str, Any]:
    """Bring the files of a corpus.

    Args:
        name: A key of `SOURCES`.
        files: Those wanted; the usual ones where empty.
        output: Folder that they go to, `data/<name>` where it is `None`.
        again: Whether files that are there are fetched again.

    Returns:
        Where the corpus is, each file, and a note.

    Raises:
        AtlopError: There is no such corpus, or a file is not there in the end.
    """
    from atlop.corpora.download import download
    from atlop.corpora.sources import SOURCES

    if name not in SOURCES:
        raise AtlopError(f"unknown corpus {name!r}; known: {', '.join(SOURCES)}")
    source = SOURCES[name]
    folder = output or Path("data") / name
    server = os.environ.get(source.host.variable)
    done = download(source, folder=folder, names=files, server=server, again=again)
    return {
        "corpus": name,
        "title": source.title,
        "output": folder,
        "files": [asdict(file) for file in done],
        "note": source.note,
    }


def download_rows(files: Sequence[dict[str, Any]]) -> list[Row]:
    """Return a row a file: its name, the number of its entries, what was done and checked."""
    return [
        (
            file["name"],
            f"{file['entries']:,}",
            f"{file['holds']}; {file['done']}; {'sha256 and ' if file['sha256_known'] else ''}number checked",
        )
        for file in files
    ]
