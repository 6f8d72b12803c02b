"""`atlop extract`."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated

import typer

from atlop import sample
from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import Decision, Device, Json, Model, Ner, Precision
from atlop.cli.session import is_main_process, print_result, quiet_libraries
from atlop.cli.suggestions import write_suggestions
from atlop.corpora import FileStart, recognise_format, writable_formats
from atlop.errors import AtlopError

STANDARD_INPUT, STANDARD_INPUT_NAME = Path("-"), "standard input"
TEXT = ".txt"


def extract(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="JSON lines with text and, without --ner, entities (.jsonl, .jsonl.gz); a text (.txt) or a folder of "
            "texts; - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where facts go: .jsonl a line a document; .csv, .parquet a row a fact. [default: INPUT.facts.jsonl]",
        ),
    ] = None,
    ner: Ner = None,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Group ungrouped mentions by this key. [default: by identical text]"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add the words that weigh most.")] = False,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write the documents of FILE, in any format, with the facts that are found, as suggestions for "
            f"annotators: {', '.join(writable_formats())}.",
        ),
    ] = None,
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
            raise AtlopError("INPUT is missing: give JSON lines with text and entities, or with --ner texts")
        file = sample.TEXTS
    if format is not None:
        if group_by is not None or explain:
            raise AtlopError("--group-by and --explain are for facts in JSON lines; leave them out with --format")
        options = {"decision": decision, "precision": precision, "device": device}
        write_suggestions(model, file, output, format=format, options=options, as_json=as_json)
        return
    keep_few_kernels()
    with _readable(file, has_ner=ner is not None) as path, quiet_libraries(model=model, kind="model"):
        from tqdm import tqdm

        from atlop.inference import RelationExtractor
        from atlop.inference.parts import extract_file
        from atlop.inference.sources import Source

        output = output or Path(f"{path.name.split('.')[0]}.facts.jsonl")
        extractor = RelationExtractor.from_pretrained(
            model, decision=decision, precision=precision, device=device, ner=ner
        )
        gc.freeze()  # the model stays; scanning it again and again would cost 5 % of the time
        bar = partial(tqdm, desc="extracting", unit=" docs", disable=not is_main_process())
        started = monotonic()
        source = Source(path, name=STANDARD_INPUT_NAME if file == STANDARD_INPUT else "")
        summary = extract_file(extractor, source, output=output, group_by=group_by, explain=explain, progress=bar)
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
            "ner": ner,
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


def _is_json_lines(file: Path) -> bool:
    start = FileStart(file)
    format = recognise_format(file)
    is_empty = format == "doccano" and start.json_object.get("entities") == []  # of a text without entities
    return start.first_byte != b"[" and (format == "jsonl" or is_empty)


@contextmanager
def _readable(path: Path, *, has_ner: bool) -> Iterator[Path]:
    """Yield a path to read documents from; standard input is copied, since it is read more than once.

    Raises:
        AtlopError: There is no such file, or it has another format, or there is no recogniser for texts.
    """
    if path == STANDARD_INPUT:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "stdin"
            with copy.open("wb") as file:
                copyfileobj(sys.stdin.buffer, file)
            start = FileStart(copy)
            is_json = start.first_byte == b"{" or "text" in start.json_keys
            copy = copy.rename(copy.with_suffix(".jsonl" if is_json else TEXT))
            yield _checked(copy, name=STANDARD_INPUT_NAME, has_ner=has_ner)
        return
    yield _checked(path, name=str(path), has_ner=has_ner)


def _checked(path: Path, *, name: str, has_ner: bool) -> Path:
    is_text = path.is_dir() or (path.suffix == TEXT and path.is_file() and not _is_corpus(path))
    if is_text and not has_ner:
        raise AtlopError(
            f"{name}: plain text has no entities; name a recogniser that finds them, for example "
            "--ner spacy:en_core_web_sm"
        )
    if not is_text and not (path.is_file() and _is_json_lines(path)):
        raise AtlopError(
            f"{name}: {'is not JSON lines' if path.exists() else 'no such file'}; expected a .jsonl or .jsonl.gz file "
            "(atlop convert makes one of other formats), or with --ner a .txt file or a folder of them"
        )
    return path


def _is_corpus(path: Path) -> bool:
    """Whether a text file has a known format, such as PubTator's."""
    with suppress(AtlopError):
        recognise_format(path)
        return True
    return False
