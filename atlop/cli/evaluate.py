"""`atlop evaluate`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

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
    Ner,
    Precision,
    Train,
)
from atlop.cli.score_tables import detailed_table, end_to_end_table, loss_table
from atlop.cli.session import is_main_process, print_result
from atlop.cli.text import corpus_heading, score_rows, truncation_rows
from atlop.errors import AtlopError


def evaluate(
    models: Models,
    file: Labelled,
    train: Train = None,
    detailed: Detailed = False,
    end_to_end: Annotated[
        bool,
        typer.Option("--end-to-end", help="Score from text alone: recognition (--ner), grouping and relations."),
    ] = False,
    ner: Ner = None,
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
    if end_to_end != (ner is not None):
        raise AtlopError("--end-to-end needs --ner, a recogniser, and --ner needs --end-to-end; give both or none")
    if ner is not None:
        if train is not None or detailed:
            raise AtlopError("--end-to-end has no Ign F1 and no detailed scores; leave out --train and --detailed")
        _evaluate_end_to_end(
            models,
            file,
            ner=ner,
            decision=decision,
            precision=precision,
            device=device,
            format=format,
            invalid=invalid,
            as_json=as_json,
        )
        return
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


def _evaluate_end_to_end(models: list[str], file: Path, *, ner: str, as_json: bool, **settings: Any) -> None:
    with quiet_models(models):
        from atlop.end_to_end import evaluate_end_to_end

        evaluation = evaluate_end_to_end(models, file, ner=ner, show_progress=sys.stderr.isatty(), **settings)
    if not is_main_process():
        return
    scores = {name: asdict(getattr(evaluation, name)) for name in ("gold_entities", "gold_mentions", "text")}
    print_result(
        {"models": models, "file": evaluation.corpus.summary(), "ner": ner, "scores": scores},
        as_json=as_json,
        heading=corpus_heading(evaluation.corpus),
        blocks=[end_to_end_table(evaluation), loss_table(evaluation)],
    )
