"""`atlop score`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import Detailed, Format, Invalid, Json, Labelled, Train
from atlop.cli.score_tables import detailed_table
from atlop.cli.session import print_result
from atlop.cli.text import GAP, corpus_heading, score_rows
from atlop.scoring import evaluate_submission


def score(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Submission: result.json or result.zip.")],
    file: Labelled,
    train: Train = None,
    detailed: Detailed = False,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a submission, without a model.

    Counts as the leaderboard does.
    """
    evaluation = evaluate_submission(result, file, train=train, format=format, invalid=invalid)
    submission, scores = evaluation.submission, asdict(evaluation.scores)
    detailed_scores = evaluation.detailed() if detailed or as_json else None
    print_result(
        {
            "result": result,
            "file": evaluation.corpus.summary(),
            "train": train,
            "scores": scores,
            "detailed": detailed_scores and asdict(detailed_scores),
            "duplicates": submission.duplicates,
            "unknown_titles": submission.unknown_titles,
        },
        as_json=as_json,
        heading=corpus_heading(evaluation.corpus),
        rows=[
            *score_rows(scores),
            GAP,
            ("rows that repeat", f"{submission.duplicates:,}"),
            ("facts under unknown titles", f"{submission.unknown:,}", ", ".join(submission.unknown_titles[:3])),
        ],
        blocks=[detailed_table(detailed_scores)] if detailed_scores else [],
    )
