"""`atlop plot`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from atlop.cli.models import loaded_models
from atlop.cli.options import Device, Format, Invalid, Json, Precision
from atlop.cli.outputs import new_output
from atlop.cli.session import is_main_process, print_result, require_extra
from atlop.corpora import read_labelled, read_train
from atlop.errors import AtlopError


def plot(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run folder, or several that differ in their seed; with --dev also a model, by folder or name.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the pictures go. [default: RUN.plots, if new]")
    ] = None,
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labelled documents: draw what the model decides on them.")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train file: draw F1 of relations by their train facts.")
    ] = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Draw a run as PNG and SVG.

    learning: loss and dev scores over steps, of several runs with their mean and standard deviation. With --dev also
    precision_recall, margins and, with --train, relations.
    """
    require_extra("report", "matplotlib", "jinja2")
    output = output or new_output(runs[0], suffix=".plots")
    for run in runs:
        if not (Path(run) / "metrics.jsonl").is_file() and (dev is None or len(runs) > 1):
            raise AtlopError(
                f"{run}: has no metrics.jsonl to draw; give the folder of a run, or labelled documents (--dev)"
            )
    if dev is None and train is not None:
        raise AtlopError("--train: says how frequent relations are, and needs documents to score them on (--dev)")
    if dev is not None and len(runs) > 1:
        raise AtlopError("--dev: draws the decisions of one model; expected one run, or several without --dev")
    from atlop.report import draw_decisions, draw_training, save_pictures

    pictures = draw_training([*map(Path, runs)])
    result: dict[str, Any] = {"runs": runs, "output": output, "dev": None}
    if dev is not None:
        corpus = read_labelled(dev, format=format, invalid=invalid)
        train_facts = read_train(train, corpus=corpus, format=format, invalid=invalid)
        with loaded_models(runs, precision=precision, device=device) as (ensemble, loop):
            corpus = corpus.without_negatives(ensemble.rule.vocabulary.negative)
            scored = ensemble.score(corpus.documents, **loop)
            decisions, scores = draw_decisions(scored, corpus=corpus, rule=ensemble.rule, train=train_facts)
            if not is_main_process():
                return
        pictures |= decisions
        result["dev"] = {"file": corpus.summary(), "scores": asdict(scores)}
    result["pictures"] = save_pictures(pictures, folder=output)
    heading = "\n".join([f"{output}: drawn", *map(str, result["pictures"])])
    print_result(result, as_json=as_json, heading=heading)
