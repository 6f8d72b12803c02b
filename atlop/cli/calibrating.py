"""The command that chooses thresholds for a trained model."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from atlop.cli.options import BatchSize, Device, Format, Invalid, Json, Labelled, Models, Precision
from atlop.cli.predicting import described, heading, loaded_models
from atlop.cli.session import is_main_process, report
from atlop.cli.text import Row, percent
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
    if output is not None:
        refuse_existing(output)
    elif len(models) > 1:
        raise AtlopError("several models have no config.json in common; give --output FILE for their thresholds")
    elif not Path(model_folder(models[0])).is_dir():
        raise AtlopError(f"{models[0]}: is not a folder, so nothing can be kept in it; give --output FILE")
    corpus = read_labelled(file, format=format, invalid=invalid)
    with loaded_models(models, precision=precision, device=device) as (ensemble, run):
        from atlop.calibration import calibrate, collect_candidates
        from atlop.model_folder import keep_calibration

        candidates = collect_candidates(
            ensemble.score(corpus.documents, batch_size=batch_size, **run),
            documents=corpus.documents,
            rule=ensemble.rule,
        )
        found = calibrate(candidates, rule=rule)
        if not is_main_process():
            return
        if output is not None:
            write_json(output, found.calibration.model_dump())
        else:
            keep_calibration(Path(model_folder(models[0])), found.calibration)
    place = output or Path(model_folder(models[0])) / "config.json"
    result: dict[str, Any] = {
        "models": models,
        "file": described(corpus),
        "output": place,
        **asdict(found),
        "calibration": found.calibration.model_dump(),
    }
    values = list(found.calibration.thresholds.values())
    rows: list[Row] = [
        ("F1 with thresholds of 0", percent(found.f1_before)),
        ("F1 with the chosen ones", percent(found.f1), "on the documents that they were chosen on"),
        ("lowest threshold", f"{min(values):.3f}"),
        ("highest threshold", f"{max(values):.3f}"),
        ("calibration error", percent(found.calibration_error), "of the probabilities, on the same documents"),
    ]
    report(result, as_json=as_json, heading=f"{heading(corpus)}; {place}: thresholds written", rows=rows)
