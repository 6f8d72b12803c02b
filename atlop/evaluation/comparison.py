"""Two results on the same documents: the difference of every measure of every group, and whether it is chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation.breakdown import Breakdown
from atlop.evaluation.micro import F1, IGN_F1, PRECISION, RECALL
from atlop.evaluation.resampling import bootstrap, interval, randomisation_test
from atlop.evaluation.table import GOLD, FactTable
from atlop.schema import Document


@dataclass(frozen=True)
class Difference:
    """A measure, between 0 and 1, of two results."""

    first: float
    second: float
    difference: float
    """Second minus first."""
    low: float
    """Where 95 % of the difference's bootstrap samples begin; both results are drawn on the same documents."""
    high: float
    """Where they end."""
    p: float
    """How often results that differ by chance alone differ at least as much; not corrected for many comparisons."""


@dataclass(frozen=True)
class GroupDifferences:
    """The measures of one group of facts, or their means over relations."""

    f1: Difference
    precision: Difference
    recall: Difference
    ign_f1: Difference | None
    """`None` where no train facts are given."""
    gold: int | None
    """Number of gold facts; `None` of means over relations."""


Comparison = dict[str, dict[str, GroupDifferences]]
"""By kind of group (`all`, `sentences`, `mentions`, `distance`, `relations`, `macro`) and by group."""


def compare(
    first: FactTable,
    second: FactTable,
    *,
    documents: Sequence[Document],
    train_frequency: Mapping[str, int] | None,
) -> Comparison:
    """Compare two results, group by group.

    Args:
        first: Facts of one result, held against their labels.
        second: Facts of the other.
        documents: The documents of both.
        train_frequency: Train facts of each relation; `None` leaves out the means over rare relations.
    """
    breakdown = Breakdown(documents, tables=[first, second], train_frequency=train_frequency)
    counts = breakdown.counts(first), breakdown.counts(second)
    statistics = [partial(breakdown.compute_metrics, unknown=table.unknown) for table in (first, second)]
    values = [statistic(each.sum(axis=0)) for statistic, each in zip(statistics, counts, strict=True)]
    samples = [bootstrap(each, statistic=statistic) for statistic, each in zip(statistics, counts, strict=True)]
    low, high = interval(samples[1] - samples[0])
    p = randomisation_test(*counts, first_statistic=statistics[0], second_statistic=statistics[1])
    found = np.stack([*values, values[1] - values[0], low, high, p], axis=-1)  # [rows, metrics, 6]
    gold = counts[0].sum(axis=0)[:, GOLD].tolist()
    comparison: Comparison = {}
    for number, (group, row) in enumerate(zip(breakdown.rows, found, strict=True)):
        comparison.setdefault(group.kind, {})[group.label] = GroupDifferences(
            f1=_difference(row[F1]),
            precision=_difference(row[PRECISION]),
            recall=_difference(row[RECALL]),
            ign_f1=_difference(row[IGN_F1]) if first.has_train_facts else None,
            gold=gold[number] if number < len(gold) else None,
        )
    return comparison


def _difference(values: NDArray[np.float64]) -> Difference:
    return Difference(*values.tolist())
