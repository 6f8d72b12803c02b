"""`atlop calibrate`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import Device, Format, Invalid, Json, Labelled, Models, Precision
from atlop.cli.score_tables import decision_table
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import Row, corpus_heading, percent
from atlop.decoding import DecisionName

if TYPE_CHECKING:
    from atlop.calibration import ChosenDecision


def calibrate(
    models: Models,
    file: Labelled,
    decision: Annotated[
        DecisionName,
        typer.Option(
            help="What decides from now on: TH, one threshold of the margin, one for each relation, or fusion."
        ),
    ] = "offset",
    precision_target: Annotated[
        float | None,
        typer.Option(
            metavar="P", min=0, max=1, help="Precision that the offset must reach on FILE. [default: the best F1]"
        ),
    ] = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Choose the threshold of evidence too.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file for the decision. [default: the model's config.json]"),
    ] = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Choose what turns scores into facts on labelled documents.

    Thresholds are those of the best F1 on FILE, which should be neither train nor test documents; probabilities are
    fitted to it. Cross-validation says what a decision is worth on documents that it has not seen. The decision
    replaces the one stored with the model.
    """
    with quiet_models(models):
        from atlop import calibration

        done = calibration.calibrate(
            models,
            file,
            decision=decision,
            precision_target=precision_target,
            evidence=evidence,
            output=output,
            precision=precision,
            device=device,
            format=format,
            invalid=invalid,
            show_progress=sys.stderr.isatty(),
        )
    if not is_main_process():
        return
    chosen = done.chosen
    print_result(
        {
            "models": models,
            "file": done.corpus.summary(),
            "output": done.file,
            **asdict(chosen),
            "decision": chosen.decision.model_dump(exclude_none=True),
        },
        as_json=as_json,
        heading=f"{corpus_heading(done.corpus)}; {done.file}: decides by {chosen.decision.use}",
        rows=[
            ("threshold of the offset", f"{chosen.decision.offset:.3f}"),
            *_precision_rows(chosen),
            ("calibration error", percent(chosen.calibration_error), "of the probabilities, on the same documents"),
            ("evidence threshold", f"{chosen.decision.evidence_threshold:.3f}"),
            *(
                [
                    ("evidence F1 with 0.2", percent(chosen.evidence.f1_before), "of pairs with annotated evidence"),
                    ("evidence F1", percent(chosen.evidence.f1), "on the documents that it was chosen on"),
                ]
                if chosen.evidence
                else []
            ),
        ],
        blocks=[decision_table(chosen.scores)],
    )


def _precision_rows(chosen: "ChosenDecision") -> list[Row]:
    """Return what a precision target came to, on the documents that chose and on those that had no say."""
    if chosen.precision is None:
        return []
    missed, unseen = chosen.precision.missed_folds, chosen.scores["offset"]
    folds = (
        f"no offset reaches it without fold {' or '.join(map(str, missed))}" if missed else "reached without each fold"
    )
    return [
        ("precision there", percent(chosen.precision.precision), f"target {percent(chosen.precision.target)}: reached"),
        ("recall there", percent(chosen.precision.recall)),
        ("precision unseen", percent(unseen.precision), f"by cross-validation; {folds}"),
        ("recall unseen", percent(unseen.recall)),
    ]
