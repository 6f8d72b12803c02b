"""Mean scores of several runs that differ in their seed, and the difference of two settings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation.comparison import Difference
from atlop.evaluation.detailed import Estimate
from atlop.evaluation.micro import F1, IGN_F1, compute_metrics
from atlop.evaluation.resampling import bootstrap, interval, randomisation_test
from atlop.evaluation.table import GOLD, FactTable


def mean_scores(tables: Sequence[FactTable]) -> tuple[Estimate, Estimate]:
    """Return the mean F1 and the mean Ign F1 of several runs on the same documents.

    The intervals cover variation between documents, not between seeds.

    Args:
        tables: Facts of each run; all with train facts or all without.
    """
    counts = _counts(tables)
    values = np.stack([_mean(counts.sum(axis=0)), *interval(bootstrap(counts, statistic=_mean))], axis=-1)
    f1, ign_f1 = (Estimate(*values[metric].tolist()) for metric in (F1, IGN_F1))
    return f1, ign_f1


def weighted_f1(settings: Sequence[Sequence[FactTable]], *, weights: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Return a weighted sum of the mean F1 of several settings, whose runs are all on the same documents.

    The interval covers variation between documents, not between seeds.
    """
    used = [(weight, _counts(tables)) for weight, tables in zip(weights, settings, strict=True) if weight]
    value = sum(weight * _mean(counts.sum(axis=0))[F1] for weight, counts in used)
    samples = sum(weight * bootstrap(counts, statistic=_mean)[:, F1] for weight, counts in used)
    return Estimate(*map(float, (value, *interval(np.asarray(samples)))))


def evidence_f1(table: FactTable) -> tuple[float, float] | None:
    """Return official evidence F1 and PosEvi F1 of a run; `None` if evidence is not known, or none is annotated."""
    official, *_, pairs = table.evidence_counts().sum(axis=0)
    if table.pair_evidence is None or not official[GOLD]:
        return None
    first, second = compute_metrics(np.stack([official, pairs]))[:, F1].tolist()
    return first, second


def mean_difference(first: Sequence[FactTable], second: Sequence[FactTable]) -> Difference:
    """Compare the mean F1 of two settings, with as many runs each on the same documents, paired by document."""
    counts = _counts(first), _counts(second)
    values = [_mean(count.sum(axis=0))[F1] for count in counts]
    samples = [bootstrap(count, statistic=_mean)[:, F1] for count in counts]
    low, high = interval(samples[1] - samples[0])
    p = randomisation_test(*counts, first_statistic=_mean, second_statistic=_mean)[F1]
    return Difference(*map(float, (*values, values[1] - values[0], low, high, p)))


def _counts(tables: Sequence[FactTable]) -> NDArray[np.int64]:
    """Return the counts of all runs, `[documents, runs, 4]`."""
    assert not any(table.unknown for table in tables), "models predict for known documents only"
    return np.concatenate([table.counts() for table in tables], axis=1)


def _mean(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean metrics over runs, `[..., 5]`, from counts `[..., runs, 4]`."""
    mean: NDArray[np.float64] = compute_metrics(counts).mean(axis=-2)
    return mean
