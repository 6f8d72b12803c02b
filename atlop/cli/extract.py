"""`atlop extract`."""

import gc
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from atlop import sample
from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import Decision, Device, Json, Model, Precision
from atlop.cli.session import is_main_process, print_result, quiet_libraries
from atlop.corpora import FileStart, recognise_format
from atlop.errors import AtlopError


def extract(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="JSON lines with text and entities (.jsonl, .jsonl.gz).", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where facts go: .jsonl a line a document; .csv, .parquet a row a fact. [default: FILE.facts.jsonl]",
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Group ungrouped mentions by this key. [default: by identical text]"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add the words that weigh most.")] = False,
    decision: Decision = None,
    precision: Precision = "auto",
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Find the facts of one's own documents.

    Goes on where it was stopped. An invalid document is an error in its place. `atlop extract sample` tries the sample
    model on its texts.
    """
    if file is None:
        if model != sample.NAME:
            raise AtlopError("FILE is missing: give JSON lines with text and entities")
        file = sample.TEXTS
    if not file.is_file() or recognise_format(file) != "jsonl" or FileStart(file).first_byte == b"[":
        raise AtlopError(
            f"{file}: {'is not JSON lines' if file.exists() else 'no such file'}; expected a .jsonl or .jsonl.gz file "
            "(atlop convert makes one of other formats)"
        )
    output = output or Path(f"{file.name.split('.')[0]}.facts.jsonl")
    keep_few_kernels()
    with quiet_libraries(model=model, kind="model"):
        from tqdm import tqdm

        from atlop.inference import RelationExtractor
        from atlop.inference.parts import extract_file

        extractor = RelationExtractor.from_pretrained(model, decision=decision, precision=precision, device=device)
        gc.freeze()  # the model stays; scanning it again and again would cost 5 % of the time
        bar = partial(tqdm, desc="extracting", unit=" docs", disable=not is_main_process())
        started = monotonic()
        summary = extract_file(extractor, file, output=output, group_by=group_by, explain=explain, progress=bar)
        seconds = monotonic() - started
    if summary is None:
        return
    counts = summary.counts
    is_trained = bool(extractor.model.config.model.evidence.weight)
    speed = f"{summary.computed / seconds:,.1f} docs/s" if summary.computed else ""
    print_result(
        {
            "model": model,
            "path": file,
            "output": output,
            **asdict(counts),
            "evidence_trained": is_trained,
            "computed": summary.computed,
            "seconds": seconds,
        },
        as_json=as_json,
        heading=f"wrote {output}",
        rows=[
            ("documents", f"{counts.documents:,}"),
            ("computed by this process now", f"{summary.computed:,}", speed),
            ("facts", f"{counts.facts:,}"),
            ("evidence", "trained" if is_trained else "untrained", "" if is_trained else "what the model attends to"),
            ("invalid documents", f"{counts.errors:,}", counts.first_error or ""),
            ("mentions beyond the cut", f"{counts.unread_mentions:,}"),
        ],
    )
