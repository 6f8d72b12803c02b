"""`atlop calibrate`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import BatchSize, Device, Format, Invalid, Json, Labelled, Models, Precision
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import corpus_heading, percent


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
    with quiet_models(models):
        from atlop import calibration

        done = calibration.calibrate(
            models,
            file,
            rule=rule,
            output=output,
            batch_size=batch_size,
            precision=precision,
            device=device,
            format=format,
            invalid=invalid,
            show_progress=sys.stderr.isatty(),
        )
    if not is_main_process():
        return
    found, thresholds = done.calibrated, done.calibrated.calibration.thresholds.values()
    print_result(
        {
            "models": models,
            "file": done.corpus.summary(),
            "output": done.file,
            **asdict(found),
            "calibration": found.calibration.model_dump(),
        },
        as_json=as_json,
        heading=f"{corpus_heading(done.corpus)}; {done.file}: thresholds written",
        rows=[
            ("F1 with thresholds of 0", percent(found.f1_before)),
            ("F1 with the chosen ones", percent(found.f1), "on the documents that they were chosen on"),
            ("lowest threshold", f"{min(thresholds):.3f}"),
            ("highest threshold", f"{max(thresholds):.3f}"),
            ("calibration error", percent(found.calibration_error), "of the probabilities, on the same documents"),
        ],
    )
