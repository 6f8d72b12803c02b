"""`atlop report`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import Device, Format, Invalid, Json, Precision, Train
from atlop.cli.outputs import new_output
from atlop.cli.session import print_result, require_extra
from atlop.cli.text import corpus_heading, score_rows
from atlop.config import DataConfig
from atlop.config_files import load_config
from atlop.corpora import read_labelled, read_train
from atlop.errors import AtlopError
from atlop.files import one_writer, write_text


def report(
    source: Annotated[
        str, typer.Argument(metavar="RUN", help="Run folder, model, or submission (result.json or result.zip).")
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Page to write, a name in .html. [default: RUN.report.html, if new]"),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled documents. [default: those that the run was evaluated on]"),
    ] = None,
    train: Train = None,
    against: Annotated[
        str | None, typer.Option(metavar="RUN2", help="Compare with this run, model or submission.")
    ] = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write a page that shows where a model is right and wrong, and what it read.

    One HTML file that opens from disk and needs no network: scores, pictures, relations, and every document with its
    facts. A submission alone has no class scores and no context. Differences are RUN minus RUN2.
    """
    require_extra("report", "matplotlib", "jinja2")
    output = output or new_output(source, suffix=".report.html")
    if output.suffix != ".html":
        raise AtlopError(f"{output}: expected a name that ends in .html")
    if dev is None:
        data = _data_of(source)
        dev, format = data.dev, format or data.format
        invalid = data.invalid if invalid == "strict" else invalid
    corpus = read_labelled(dev, format=format, invalid=invalid)
    train_facts = read_train(train, corpus=corpus, format=format, invalid=invalid)
    models = [name for name in (source, against) if name is not None and not Path(name).is_file()]
    with quiet_models(models):
        from atlop.device import is_main_process
        from atlop.report import make_report

        is_main = is_main_process(device)
        with one_writer(output, by_this_process=is_main):
            page, scores = make_report(
                source,
                corpus=corpus,
                train=train_facts,
                against=against,
                precision=precision,
                device=device,
                show_progress=sys.stderr.isatty(),
            )
            if is_main:
                write_text(output, page)
    if not is_main:
        return
    print_result(
        {"run": source, "against": against, "file": corpus.summary(), "scores": asdict(scores), "output": output},
        as_json=as_json,
        heading=f"{corpus_heading(corpus)}; wrote {output} ({output.stat().st_size / 1e6:.1f} MB)",
        rows=score_rows(asdict(scores)),
    )


def _data_of(run: str) -> DataConfig:
    """Return what a run was trained and evaluated on."""
    config = Path(run) / "config.toml"
    if not config.is_file():
        raise AtlopError(
            f"{run}: does not say what it was evaluated on (no config.toml); give labelled documents: --dev"
        )
    from atlop.run_folder import refuse_earlier_version

    refuse_earlier_version(Path(run))
    return load_config(str(config)).data
