"""DocRED's leaderboard scores: F1, Ign F1 and evidence F1."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

import numpy as np

from atlop.evaluation.micro import F1, IGN_F1, IGN_PRECISION, METRICS, PRECISION, RECALL, compute_metrics
from atlop.evaluation.table import CORRECT, GOLD, SEEN, SUBMITTED, FactTable, fact_table
from atlop.schema import Document, Fact, NameTriple


@dataclass(frozen=True)
class OfficialScores:
    """Micro-averaged scores from 0 to 1, and their counts. Without gold facts, scores of facts are `None`."""

    f1: float | None
    precision: float | None
    recall: float | None
    ign_f1: float | None
    """F1 whose precision ignores correct facts that are also train facts; `None` without train facts."""
    ign_precision: float | None
    evidence_f1: float
    """0 if no evidence is submitted."""
    evidence_precision: float
    evidence_recall: float
    correct: int
    submitted: int
    """Distinct submitted facts, including those under unknown titles."""
    gold: int
    seen: int | None
    """Correct facts that are also train facts; `None` without train facts."""
    unknown: int
    """Distinct submitted facts under unknown titles, which count as wrong."""
    evidence_correct: int
    """Sentence ids of correct facts that are gold evidence."""
    evidence_submitted: int
    """Sentence ids of all submitted facts under known titles."""
    evidence_gold: int


def official_scores(
    documents: Sequence[Document],
    *,
    predictions: Sequence[Collection[Fact]],
    train_facts: Set[NameTriple] | None,
    unknown: int = 0,
) -> OfficialScores:
    """Score predicted facts like DocRED's official `evaluation.py`; see `fact_table` for arguments and errors."""
    return table_scores(fact_table(documents, predictions=predictions, train_facts=train_facts, unknown=unknown))


def table_scores(table: FactTable) -> OfficialScores:
    """Return the official scores of a table."""
    counts = table.totals()
    values = compute_metrics(counts).tolist() if counts[GOLD] else [None] * METRICS
    evidence = table.evidence.sum(axis=0).tolist()
    evidence_values = compute_metrics(np.array([*evidence, 0])).tolist()
    return OfficialScores(
        f1=values[F1],
        precision=values[PRECISION],
        recall=values[RECALL],
        ign_f1=values[IGN_F1] if table.has_train_facts else None,
        ign_precision=values[IGN_PRECISION] if table.has_train_facts else None,
        evidence_f1=evidence_values[F1],
        evidence_precision=evidence_values[PRECISION],
        evidence_recall=evidence_values[RECALL],
        correct=int(counts[CORRECT]),
        submitted=int(counts[SUBMITTED]),
        gold=int(counts[GOLD]),
        seen=int(counts[SEEN]) if table.has_train_facts else None,
        unknown=table.unknown,
        evidence_correct=evidence[CORRECT],
        evidence_submitted=evidence[SUBMITTED],
        evidence_gold=evidence[GOLD],
    )
