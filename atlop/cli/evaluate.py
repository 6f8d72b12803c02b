"""`atlop evaluate`."""

import sys
from dataclasses import asdict

from atlop.cli.models import quiet_models
from atlop.cli.options import (
    Decision,
    Detailed,
    Device,
    Format,
    Invalid,
    Json,
    Labelled,
    Models,
    Precision,
    Train,
)
from atlop.cli.score_tables import detailed_table
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import corpus_heading, score_rows, truncation_rows


def evaluate(
    models: Models,
    file: Labelled,
    train: Train = None,
    detailed: Detailed = False,
    decision: Decision = None,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a model on labelled documents.

    Counts as the leaderboard does. Several models decide together, by the mean of their margins.
    """
    with quiet_models(models):
        from atlop import scoring

        evaluation = scoring.evaluate(
            models,
            file,
            train=train,
            decision=decision,
            precision=precision,
            device=device,
            format=format,
            invalid=invalid,
            show_progress=sys.stderr.isatty(),
        )
    if not is_main_process():
        return
    scores, truncation = asdict(evaluation.scores), asdict(evaluation.predictions.truncation)
    unknown = evaluation.predictions.unknown_facts
    detailed_scores = evaluation.detailed() if detailed or as_json else None
    print_result(
        {
            "models": models,
            "file": evaluation.corpus.summary(),
            "train": train,
            "scores": scores,
            "detailed": detailed_scores and asdict(detailed_scores),
            "truncation": truncation,
            "unknown_relation_facts": unknown,
        },
        as_json=as_json,
        heading=corpus_heading(evaluation.corpus),
        rows=[*score_rows(scores), *truncation_rows(truncation), ("facts of unknown relations", f"{unknown:,}")],
        blocks=[detailed_table(detailed_scores, names=evaluation.vocabulary.names)] if detailed_scores else [],
    )
