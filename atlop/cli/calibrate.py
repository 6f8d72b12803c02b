"""`atlop calibrate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from atlop.cli.models import loaded_models
from atlop.cli.options import BatchSize, Device, Format, Invalid, Json, Labelled, Models, Precision
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import corpus_heading, percent
from atlop.corpora import read_labelled
from atlop.errors import AtlopError
from atlop.files import model_folder, refuse_existing, write_json


def calibrate(
    models: Models,
    file: Labelled,
    rule: Annotated[
        Literal["global", "per_class"],
        typer.Option(help="One threshold for all relations, or one for each."),
    ] = "global",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file for the thresholds. [default: the model's config.json]"),
    ] = None,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Choose thresholds and fit probabilities on labelled documents.

    The thresholds are those that give the best F1 on FILE, which should be neither train nor test documents. They
    replace what the model was calibrated with before.
    """
    folder = Path(model_folder(models[0]))
    if output is not None:
        refuse_existing(output)
    elif len(models) > 1:
        raise AtlopError("several models have no config.json in common; give --output FILE for their thresholds")
    elif not folder.is_dir():
        raise AtlopError(f"{models[0]}: is not a folder, so nothing can be kept in it; give --output FILE")
    corpus = read_labelled(file, format=format, invalid=invalid)
    with loaded_models(models, batch_size=batch_size, precision=precision, device=device) as (ensemble, loop):
        from atlop.calibration import calibrate, collect_candidates
        from atlop.model_folder import keep_calibration

        scored = ensemble.score(corpus.documents, **loop)
        candidates = collect_candidates(scored, documents=corpus.documents, rule=ensemble.rule)
        found = calibrate(candidates, rule=rule)
        if not is_main_process():
            return
        if output is not None:
            write_json(output, found.calibration.model_dump())
        else:
            keep_calibration(folder, found.calibration)
    written, thresholds = output or folder / "config.json", found.calibration.thresholds.values()
    print_result(
        {
            "models": models,
            "file": corpus.summary(),
            "output": written,
            **asdict(found),
            "calibration": found.calibration.model_dump(),
        },
        as_json=as_json,
        heading=f"{corpus_heading(corpus)}; {written}: thresholds written",
        rows=[
            ("F1 with thresholds of 0", percent(found.f1_before)),
            ("F1 with the chosen ones", percent(found.f1), "on the documents that they were chosen on"),
            ("lowest threshold", f"{min(thresholds):.3f}"),
            ("highest threshold", f"{max(thresholds):.3f}"),
            ("calibration error", percent(found.calibration_error), "of the probabilities, on the same documents"),
        ],
    )
