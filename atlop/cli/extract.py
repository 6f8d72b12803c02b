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
from typing import Annotated, Literal

import typer

from atlop import sample
from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import Decision, Device, Json, Model, Ner, Precision
from atlop.cli.outputs import default_output
from atlop.cli.session import is_main_process, print_result, quiet_libraries, require_extra
from atlop.cli.suggestions import write_suggestions
from atlop.corpora import FORMATS, FileStart, recognise_format, writable_formats
from atlop.errors import AtlopError
from atlop.files import address, exists, is_folder

STANDARD_INPUT, STANDARD_INPUT_NAME = Path("-"), "standard input"
TEXT, TABLE = ".txt", ".parquet"


def extract(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="JSON lines or Parquet with text and, without --ner, entities (.jsonl, .jsonl.gz, .parquet); a text "
            "(.txt) or a folder of texts; - for standard input. Also on an object store: s3://BUCKET/FILE.",
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
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(help="Have workers of a Ray cluster compute. [default: this process computes]"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="Address of the Ray cluster. [default: $RAY_ADDRESS, or one is started on this machine]",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of workers of --engine ray.")] = 1,
    cpus: Annotated[float, typer.Option(min=0, help="CPUs of each worker, which may be a fraction.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each worker, which may be a fraction.")] = 0,
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
    has_engine = engine is not None
    if not has_engine and (cluster, workers, cpus, gpus) != (None, 1, 1, 0):
        raise AtlopError("--address, --workers, --cpus and --gpus are for --engine ray; add it, or leave them out")
    if format is not None:
        if ner is not None or group_by is not None or explain or has_engine:
            raise AtlopError(
                "--ner, --group-by, --explain and --engine are for facts alone; leave them out with --format"
            )
        options = {"decision": decision, "precision": precision, "device": device}
        write_suggestions(model, file, output, format=format, options=options, as_json=as_json)
        return
    if has_engine:
        require_extra("ray", "ray")
        if device is not None:
            raise AtlopError("--device is for one process; workers use a GPU with --gpus 1, or a share of one")
    keep_few_kernels()
    with _readable(file, has_ner=ner is not None) as path, quiet_libraries(model=model, kind="model"):
        from tqdm import tqdm

        from atlop.inference import RelationExtractor
        from atlop.inference.batches import ExtractBatches
        from atlop.inference.parts import extract_file
        from atlop.inference.ray_engine import RayEngine
        from atlop.inference.sources import Source

        output = output or default_output(path, suffix=".facts.jsonl")
        extractor = RelationExtractor.from_pretrained(
            model,
            decision=decision,
            precision="float32" if gpus else precision,
            device="cpu" if has_engine else device,
            ner=ner,
        )
        batches = ExtractBatches(
            model,
            decision=decision,
            precision=precision if gpus else extractor.precision,
            device=None if gpus else "cpu",
            ner=ner,
            group_by=group_by,
            explain=explain,
        )
        gc.freeze()  # the model stays; scanning it again and again would cost 5 % of the time
        bar = partial(tqdm, desc="extracting", unit=" docs", disable=not is_main_process())
        started = monotonic()
        source = Source(path, name=STANDARD_INPUT_NAME if file == STANDARD_INPUT else "")
        summary = extract_file(
            extractor,
            source,
            output=output,
            group_by=group_by,
            explain=explain,
            engine=RayEngine(batches, workers=workers, cpus=cpus, gpus=gpus, address=cluster) if has_engine else None,
            progress=bar,
        )
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
        heading=f"wrote {address(output)}",
        rows=[
            ("documents", f"{counts.documents:,}"),
            (
                "computed by workers now" if has_engine else "computed by this process now",
                f"{summary.computed:,}",
                speed,
            ),
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
            is_object = start.first_byte == b"{" and (bool(start.json_keys) or not start.is_cut_short)
            is_json = is_object or "text" in start.json_keys
            copy = copy.rename(copy.with_suffix(".jsonl" if is_json else TEXT))
            yield _checked(copy, name=STANDARD_INPUT_NAME, has_ner=has_ner)
        return
    yield _checked(path, name=address(path), has_ner=has_ner)


def _checked(path: Path, *, name: str, has_ner: bool) -> Path:
    is_text = is_folder(path) or (path.suffix == TEXT and exists(path) and not _is_corpus(path))
    if path.suffix == TEXT and not is_text and exists(path) and _is_json_lines(path):
        raise AtlopError(f"{name}: holds JSON lines, but a {TEXT} file is read as one text; rename it to .jsonl")
    if is_text and not has_ner:
        raise AtlopError(
            f"{name}: plain text has no entities; name a recogniser that finds them, for example "
            "--ner spacy:en_core_web_sm"
        )
    if is_text or (exists(path) and (path.suffix == TABLE or _is_json_lines(path))):
        return path
    raise AtlopError(
        f"{name}: {'is not JSON lines' if exists(path) else 'no such file'}; expected a .jsonl or .jsonl.gz file "
        "(atlop convert makes one of other formats), a .parquet file, or with --ner a .txt file or a folder of them"
    )


def _is_corpus(path: Path) -> bool:
    """Whether a text file has a known format, such as PubTator's; a bracket at its start alone is none."""
    with suppress(AtlopError):
        format = FORMATS.get(recognise_format(path))
        return format is None or (format.matches is not None and format.matches(FileStart(path)))
    return False
