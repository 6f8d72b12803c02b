"""`atlop select`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import Device, Format, Invalid, Json, Precision
from atlop.cli.outputs import new_output
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import grid, listed
from atlop.corpora import CorpusFile, find_writer, writable_formats
from atlop.files import one_writer, refuse_existing


def select(
    pool: Annotated[
        Path, typer.Argument(metavar="POOL", help="Documents with entities to choose from; labels are not looked at.")
    ],
    model: Annotated[
        str, typer.Option(metavar="RUN", help="Run folder (its best/ is meant), model folder, or Hugging Face name.")
    ],
    count: Annotated[int, typer.Option(metavar="N", min=1, help="Number of documents to choose.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where they go, in POOL's format, or as JSON lines if that cannot be written. "
            "[default: POOL.selected and its suffix, if new]",
        ),
    ] = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Choose the documents to label next, and write them with the model's facts as suggestions.

    Chosen is where the model expects to decide wrongly most often, spread over relations and texts. The first document
    is the most valuable one.
    """
    file = CorpusFile(pool, format=format, invalid=invalid)
    is_writable = file.format in writable_formats()
    output_format = file.format if is_writable else "jsonl"
    output = output or new_output(pool, suffix=f".selected{pool.suffix if is_writable else '.jsonl'}")
    write = find_writer(output, format=output_format)
    refuse_existing(output)  # before the pool is scored
    documents = file.read().documents
    with quiet_models([model]):
        from atlop.selection import select_documents

        chosen = select_documents(
            model, documents, count=count, precision=precision, device=device, show_progress=sys.stderr.isatty()
        )
    if not is_main_process():
        return
    with one_writer(output):
        refuse_existing(output)
        losses = write(output, documents=[each.document for each in chosen])
    lines = grid(
        ["", "entities", "suggestions", "expected errors"],
        [
            [
                each.document.title,
                f"{len(each.document.entities):,}",
                f"{len(each.document.facts or ()):,}",
                f"{each.expected_errors:.1f}",
            ]
            for each in chosen
        ],
        drop=["entities"],
    ).splitlines()
    print_result(
        {
            "model": model,
            "path": pool,
            "documents": len(documents),
            "output": output,
            "format": output_format,
            "selected": [
                {"index": each.index, "title": each.document.title, "expected_errors": each.expected_errors}
                for each in chosen
            ],
            "losses": {kind.value: number for kind, number in losses.items() if number},
        },
        as_json=as_json,
        heading=f"wrote {output}, in format {output_format}: {count:,} of {len(documents):,} documents",
        blocks=["\n".join(listed(lines, count=len(lines)))],
    )
