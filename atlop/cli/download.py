"""`atlop download`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import Json
from atlop.cli.session import print_result
from atlop.cli.text import Row
from atlop.corpora import published_corpora
from atlop.errors import AtlopError


def download(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="docred or redocred.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME …", help="Files, such as dev; train_distant (91 MB) comes only when asked for."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the files go. [default: data/<corpus>]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch files again that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch a published corpus, and check it.

    What is there is checked and not fetched again; a download that was cut goes on. HF_ENDPOINT and ATLOP_GITHUB_RAW
    name mirrors of huggingface.co and raw.githubusercontent.com.
    """
    from atlop.corpora.download import download

    known = published_corpora()
    if corpus not in known:
        raise AtlopError(f"unknown corpus {corpus!r}; known: {', '.join(known)}")
    published = known[corpus]
    folder = output or Path("data") / corpus
    server = os.environ.get(published.host.variable)
    downloaded = download(published, folder=folder, names=[*(files or ()), *(more or ())], server=server, force=force)
    rows: list[Row] = [
        (
            file.name,
            f"{file.entries:,}",
            f"{file.holds}; {file.done}; {'sha256 and ' if file.sha256_known else ''}number checked",
        )
        for file in downloaded
    ]
    print_result(
        {
            "corpus": corpus,
            "title": published.title,
            "output": folder,
            "files": [asdict(file) for file in downloaded],
            "note": published.note,
        },
        as_json=as_json,
        heading="\n".join(filter(None, [f"{folder}: {published.title}", published.note])),
        rows=rows,
    )
