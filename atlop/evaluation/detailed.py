"""Detailed scores of one result: every metric of every group, with an interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from atlop.evaluation.breakdown import Breakdown
from atlop.evaluation.micro import F1, IGN_F1, PRECISION, RECALL
from atlop.evaluation.resampling import bootstrap, interval
from atlop.evaluation.table import CORRECT, GOLD, SUBMITTED, FactTable
from atlop.schema import Document


@dataclass(frozen=True)
class Estimate:
    """A score from 0 to 1 with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GroupScores:
    """Scores of the facts of one group."""

    f1: Estimate
    precision: Estimate
    recall: Estimate
    ign_f1: Estimate | None
    """`None` without train facts."""
    correct: int
    submitted: int
    gold: int
    train: int | None
    """Number of train facts of a relation, if known; `None` for other groups."""


@dataclass(frozen=True)
class MacroScores:
    """Means over relations with a gold fact."""

    f1: Estimate
    precision: Estimate
    recall: Estimate
    relations: int
    """Number of relations in the mean."""


@dataclass(frozen=True)
class DetailedScores:
    """Scores of one result by groups of facts."""

    all: GroupScores
    """The official scores."""
    sentences: dict[str, GroupScores]
    """`within`: any mentions of subject and object share a sentence; `across`: none do."""
    mentions: dict[str, GroupScores]
    """By number of mentions of subject and object together."""
    distance: dict[str, GroupScores]
    """By words between the closest mentions of subject and object."""
    evidence: dict[str, GroupScores]
    """Sentence ids instead of facts: `official`, of all facts; `annotated`, without correct facts whose evidence nobody
    annotated; of a model also `gold pairs`, of the pairs with annotated evidence, whatever facts it finds (PosEvi)."""
    relations: dict[str, GroupScores]
    """By relation, in descending number of gold facts."""
    macro: dict[str, MacroScores]
    """`all` relations and, with `train_frequency`, those with fewer than 500, 200 and 100 train facts."""


def detailed_scores(
    table: FactTable, *, documents: Sequence[Document], train_frequency: Mapping[str, int] | None
) -> DetailedScores:
    """Score facts group by group; `train_frequency` is the number of train facts per relation, or `None` if unknown."""
    breakdown = Breakdown(documents, tables=[table], train_frequency=train_frequency)
    counts = breakdown.counts(table)
    statistic = partial(breakdown.compute_metrics, unknown=table.unknown)
    totals = counts.sum(axis=0)
    low, high = interval(bootstrap(counts, statistic=statistic))
    estimates = np.stack([statistic(totals), low, high], axis=-1).tolist()  # [rows, metrics, 3]
    totals[0, SUBMITTED] += table.unknown
    groups = len(breakdown.groups)
    kinds: dict[str, dict[str, GroupScores]] = {}
    for group, row, count in zip(breakdown.groups, estimates[:groups], totals.tolist(), strict=True):
        kinds.setdefault(group.kind, {})[group.label] = GroupScores(
            f1=Estimate(*row[F1]),
            precision=Estimate(*row[PRECISION]),
            recall=Estimate(*row[RECALL]),
            ign_f1=Estimate(*row[IGN_F1]) if table.has_train_facts and group.kind != "evidence" else None,
            correct=count[CORRECT],
            submitted=count[SUBMITTED],
            gold=count[GOLD],
            train=train_frequency.get(group.label, 0) if group.kind == "relations" and train_frequency else None,
        )
    macro = {
        group.label: MacroScores(
            f1=Estimate(*row[F1]),
            precision=Estimate(*row[PRECISION]),
            recall=Estimate(*row[RECALL]),
            relations=breakdown.macro_relations(group.label, totals),
        )
        for group, row in zip(breakdown.rows[groups:], estimates[groups:], strict=True)
    }
    return DetailedScores(
        all=kinds["all"]["all"],
        sentences=kinds["sentences"],
        mentions=kinds["mentions"],
        distance=kinds["distance"],
        evidence=kinds["evidence"],
        relations=kinds.get("relations", {}),
        macro=macro,
    )
