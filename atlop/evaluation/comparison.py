"""Compare two results on the same documents: the difference of every metric of every group and its p value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from atlop.evaluation.breakdown import Breakdown
from atlop.evaluation.micro import F1, IGN_F1, PRECISION, RECALL
from atlop.evaluation.resampling import bootstrap, interval, randomisation_test
from atlop.evaluation.table import GOLD, FactTable
from atlop.schema import Document


@dataclass(frozen=True)
class Difference:
    """A metric of two results, from 0 to 1."""

    first: float
    second: float
    difference: float
    """Second minus first."""
    low: float
    """Lower end of the difference's 95 % interval, by a bootstrap that draws the same documents for both results."""
    high: float
    """Upper end."""
    p: float
    """p value of an approximate randomisation test, not corrected for multiple comparisons."""


@dataclass(frozen=True)
class GroupDifferences:
    """The metrics of one group of facts, or their means over relations."""

    f1: Difference
    precision: Difference
    recall: Difference
    ign_f1: Difference | None
    """`None` without train facts."""
    gold: int | None
    """Number of gold facts; `None` for means over relations."""


Comparison = dict[str, dict[str, GroupDifferences]]
"""By kind of group (`all`, `sentences`, `mentions`, `distance`, `evidence`, `relations`, `macro`), then by label."""


def compare(
    first: FactTable,
    second: FactTable,
    *,
    documents: Sequence[Document],
    train_frequency: Mapping[str, int] | None,
) -> Comparison:
    """Compare two results on the same documents group by group.

    `train_frequency` is the number of train facts per relation; `None` omits the means over rare relations.
    """
    breakdown = Breakdown(documents, tables=[first, second], train_frequency=train_frequency)
    counts = breakdown.counts(first), breakdown.counts(second)
    statistics = [partial(breakdown.compute_metrics, unknown=table.unknown) for table in (first, second)]
    values = [statistic(count.sum(axis=0)) for statistic, count in zip(statistics, counts, strict=True)]
    samples = [bootstrap(count, statistic=statistic) for statistic, count in zip(statistics, counts, strict=True)]
    low, high = interval(samples[1] - samples[0])
    p = randomisation_test(*counts, first_statistic=statistics[0], second_statistic=statistics[1])
    differences = np.stack([*values, values[1] - values[0], low, high, p], axis=-1).tolist()  # [rows, metrics, 6]
    gold = counts[0].sum(axis=0)[:, GOLD].tolist()
    comparison: Comparison = {}
    for number, (group, row) in enumerate(zip(breakdown.rows, differences, strict=True)):
        comparison.setdefault(group.kind, {})[group.label] = GroupDifferences(
            f1=Difference(*row[F1]),
            precision=Difference(*row[PRECISION]),
            recall=Difference(*row[RECALL]),
            ign_f1=Difference(*row[IGN_F1]) if first.has_train_facts and group.kind != "evidence" else None,
            gold=gold[number] if number < len(gold) else None,
        )
    return comparison
