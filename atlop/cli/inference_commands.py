"""The commands that take a trained model to new text and to others: what each takes, does and prints."""

import gc
import logging
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

import typer

from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import BatchSize, Device, Json, Model, Precision
from atlop.cli.session import is_main_process, quiet_libraries, report
from atlop.corpora import format_of
from atlop.errors import AtlopError
from atlop.files import model_folder, read_json, refuse_existing

_LOG = logging.getLogger(__name__)


def extract(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines with text and entities (.jsonl, .jsonl.gz).")
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Where facts go: .jsonl a line a document; .csv, .parquet a row a fact."),
    ],
    group_by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Group ungrouped mentions by this key. [default: by identical text]"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add the words and sentences that weigh most.")] = False,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Find the facts of one's own documents.

    Goes on where it was stopped. An invalid document is an error in its place.
    """
    if not file.is_file() or format_of(file) != "jsonl":
        raise AtlopError(
            f"{file}: {'is not JSON lines' if file.exists() else 'no such file'}; expected a .jsonl or .jsonl.gz file "
            "(atlop convert makes one of other formats)"
        )
    folder = model_folder(model)
    keep_few_kernels()
    with quiet_libraries(needs=folder, what="model"):
        from tqdm import tqdm

        from atlop.inference import RelationExtractor
        from atlop.inference.parts import extract_file

        extractor = RelationExtractor.from_pretrained(folder, precision=precision, device=device, batch_size=batch_size)
        gc.freeze()  # what is loaded stays; that the collector goes through it again and again costs a twentieth
        bar = partial(tqdm, desc="extracting", unit="document", disable=not is_main_process())
        started = monotonic()
        done = extract_file(extractor, file, output=output, group_by=group_by, explain=explain, progress=bar)
        seconds = monotonic() - started
    if done is None:
        return
    counts = done.counts
    speed = f"{done.computed / seconds:,.1f} a second" if done.computed else ""
    report(
        {
            "model": model,
            "path": file,
            "output": output,
            **asdict(counts),
            "computed": done.computed,
            "seconds": seconds,
        },
        as_json=as_json,
        heading=f"{output} is written",
        rows=[
            ("documents", f"{counts.documents:,}"),
            ("computed by this process now", f"{done.computed:,}", speed),
            ("facts", f"{counts.facts:,}"),
            ("invalid documents", f"{counts.errors:,}", counts.first_error or ""),
            ("mentions beyond the cut", f"{counts.unread_mentions:,}"),
        ],
    )


def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond 127.0.0.1, other machines reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
) -> None:
    """Find facts over HTTP: for other programs, and on a page for people.

    Answers until Ctrl-C or SIGTERM. Whoever reaches it may use it.
    """
    folder = model_folder(model)
    keep_few_kernels()
    with quiet_libraries(needs=folder, what="model"):
        try:
            from atlop import serving
        except ModuleNotFoundError as error:
            raise AtlopError(f"atlop serve: needs {error.name}; install it with: pip install 'atlop[serve]'") from None
        from atlop.inference import RelationExtractor

        if not serving.is_loopback(host):
            _LOG.warning("whoever reaches %s may use the service; it asks for no password and does not encrypt", host)
        extractor = RelationExtractor.from_pretrained(folder, precision=precision, device=device, batch_size=batch_size)
        limits = serving.Limits()
        serving.serve(serving.make_app(extractor, limits=limits), host=host, port=port, limits=limits)


def graph(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Facts that `atlop extract` has written as .jsonl.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the graph goes: .graphml, or .nt for RDF.")],
    merge_by: Annotated[
        Literal["name", "id"], typer.Option(help="What makes entities of several documents one.")
    ] = "name",
    namespace: Annotated[str, typer.Option(metavar="URI", help="What identifiers in RDF begin with.")] = "urn:atlop:",
    as_json: Json = False,
) -> None:
    """Make a graph of the facts of many documents.

    Edges name the documents and sentences that they come from.
    """
    if output.suffix not in (".graphml", ".nt"):
        raise AtlopError(f"{output}: expected a name that ends in .graphml or .nt")
    refuse_existing(output)
    try:
        from atlop.inference import graph as graphs

        made = graphs.fact_graph(graphs.read_facts(file), merge_by=merge_by)
        if output.suffix == ".nt":
            graphs.write_n_triples(output, made, namespace=namespace)
        else:
            graphs.write_graphml(output, made)
    except ModuleNotFoundError as error:
        raise AtlopError(f"atlop graph: needs {error.name}; install it with: pip install 'atlop[graph]'") from None
    result = {"path": file, "output": output, "entities": len(made.nodes), "facts": len(made.edges)}
    rows = [("entities", f"{len(made.nodes):,}"), ("facts", f"{len(made.edges):,}")]
    report(result, as_json=as_json, heading=f"{output} is written", rows=rows)


def push(
    model: Model,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name on the Hugging Face hub, owner/name.")],
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="Licence, as the hub calls it; goes into the card.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make it visible to its owner alone.")] = False,
    as_json: Json = False,
) -> None:
    """Send a model folder to the Hugging Face hub.

    Its card, README.md, is written first where it is missing.
    """
    folder = Path(model_folder(model))
    if not (folder / "config.json").is_file():
        raise AtlopError(f"{model}: no such folder; give a run folder or a model folder")
    with quiet_libraries(needs=str(folder), what="model"):
        from atlop.model_folder import FinishedRun, card, hub

        if not (folder / card.CARD).is_file():
            summary = folder.parent / "summary.json"
            is_finished = summary.is_file() and folder.name in ("best", "last")
            card.write_card(folder, run=FinishedRun(folder.parent, read_json(summary)) if is_finished else None)
        if licence is not None:
            card.set_licence(folder, licence)
        address = hub.push(folder, name, private=private)
        named = card.licence_of(folder)
    note = "give one with --license" if named == card.UNKNOWN else ""
    report(
        {"model": folder, "name": name, "address": address, "license": named},
        as_json=as_json,
        heading=f"{folder} is sent: {address}",
        rows=[("licence", named, note)],
    )
