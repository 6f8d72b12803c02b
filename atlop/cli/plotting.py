"""A run drawn for `atlop plot`: what it learned and, of a labelled file, what its model decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from atlop.cli.scoring import score_in_depth
from atlop.corpora import Corpus, TrainFacts
from atlop.errors import AtlopError
from atlop.evaluation import DetailedScores, OfficialScores, fact_table, table_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from atlop.calibration import Candidates
    from atlop.prediction import DecisionRule, DocumentScores
    from atlop.report import MarginHistogram

Picture: TypeAlias = "tuple[str, Figure]"
"""Name of its files, and what is drawn."""


@dataclass(frozen=True)
class Decisions:
    """What a model decides on a labelled corpus."""

    candidates: "Candidates"
    margins: "MarginHistogram"
    scores: OfficialScores
    detailed: DetailedScores | None
    """`None` where nothing is known of how frequent relations are in training."""


def require_matplotlib(*, command: str) -> None:
    """Make sure that a command can draw pictures.

    Raises:
        AtlopError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise AtlopError(
            f"{command} draws with matplotlib, which is not installed: pip install matplotlib (the extra `report`)"
        )


def learning_picture_of(metrics: Path) -> Picture:
    """Return the picture of what a run's `metrics.jsonl` tells.

    Raises:
        AtlopError: The file is damaged, or holds no step yet.
    """
    from atlop.report import learning_picture, read_metrics

    return "learning", learning_picture(read_metrics(metrics))


def decisions_of(
    scored: "Iterable[DocumentScores]", *, corpus: Corpus, rule: "DecisionRule", train: TrainFacts
) -> Decisions:
    """Gather what a model decides on a labelled corpus.

    Args:
        scored: Scores of each document.
        corpus: The documents.
        rule: Decides.
        train: What is known of the train facts.

    Raises:
        AtlopError: A score is not finite.
    """
    from atlop.calibration import collect_candidates
    from atlop.report import MarginCounter

    counter = MarginCounter(corpus.documents, rule=rule)
    candidates = collect_candidates(counter.watch(scored), documents=corpus.documents, rule=rule)
    thresholds = np.zeros(rule.vocabulary.classes, np.float32) if rule.thresholds is None else rule.thresholds.numpy()
    table = fact_table(corpus.documents, predictions=candidates.facts(thresholds), train_facts=train.seen)
    return Decisions(
        candidates=candidates,
        margins=counter.result(),
        scores=table_scores(table),
        detailed=None if train.frequency is None else score_in_depth(table, corpus=corpus, train=train),
    )


def decision_pictures(decisions: Decisions) -> list[Picture]:
    """Return the pictures of what a model decides."""
    from atlop.report import margin_picture, precision_recall_picture, relation_picture

    return [
        ("precision_recall", precision_recall_picture(decisions.candidates, scores=decisions.scores)),
        ("margins", margin_picture(decisions.margins)),
        *([("relations", relation_picture(decisions.detailed))] if decisions.detailed else []),
    ]


def save_pictures(pictures: Iterable[Picture], *, folder: Path) -> list[Path]:
    """Write pictures as PNG and SVG, over older ones of the same name; return their paths."""
    from atlop.report import save

    return [path for name, figure in pictures for path in save(figure, folder, name=name)]
