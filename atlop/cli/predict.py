"""`atlop predict`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.models import loaded_models
from atlop.cli.options import Decision, Device, Format, Invalid, Json, Models, Precision
from atlop.cli.outputs import new_output
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import corpus_heading, truncation_rows
from atlop.corpora import corpus_statistics, read_corpus
from atlop.errors import AtlopError
from atlop.files import one_writer
from atlop.submission import write_submission


def predict(
    models: Models,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents; labels are not looked at.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the JSON goes, the zip beside it. [default: FILE.result.json, if new]"
        ),
    ] = None,
    decision: Decision = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write the leaderboard's result.json and .zip.

    Several models decide together, by the mean of their margins.
    """
    output = output or new_output(file, suffix=".result.json")
    if output.suffix != ".json":
        raise AtlopError(f"{output}: expected a name that ends in .json; the zip is written beside it")
    corpus = read_corpus(file, format=format, invalid=invalid)
    statistics = corpus_statistics(corpus.documents)
    if statistics.repeated_titles:  # before an hour is spent on predicting
        titles = ", ".join(f'"{title}"' for title in statistics.repeated_titles)
        raise AtlopError(
            f"{file}: titles repeat, so a submission could not tell the documents apart: {titles}; give each its own"
        )
    loading = loaded_models(models, decision=decision, precision=precision, device=device)
    with loading as (ensemble, loop), one_writer(output, by_this_process=is_main_process()):
        predictions = ensemble.predict(corpus.documents, **loop)
        if not is_main_process():
            return
        relations = ensemble.rule.vocabulary.relations
        archive = write_submission(
            output, documents=corpus.documents, predictions=predictions.facts, relations=relations
        )
    facts, truncation = sum(map(len, predictions.facts)), asdict(predictions.truncation)
    print_result(
        {
            "models": models,
            "file": corpus.summary(),
            "pairs": statistics.pairs,
            "facts": facts,
            "truncation": truncation,
            "output": output,
            "zip": archive,
        },
        as_json=as_json,
        heading=f"{corpus_heading(corpus)}; wrote {output} and {archive}",
        rows=[
            ("classified pairs", f"{statistics.pairs:,}"),
            ("facts", f"{facts:,}"),
            *truncation_rows(truncation)[:3],
        ],
    )
