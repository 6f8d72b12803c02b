"""Precision, recall, F1 and Ign F1 from counts of facts: the leaderboard's formulas, for many sets of facts at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation.table import CORRECT, GOLD, SEEN, SUBMITTED

IGN_EPSILON = 1e-5  # published; part of the measure: a perfect Ign F1 is slightly below 1
F1, PRECISION, RECALL, IGN_F1, IGN_PRECISION = range(5)
"""What the last axis of an array of measures holds."""


def compute_metrics(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return F1, precision, recall, Ign F1 and its precision, each between 0 and 1; 0 where nothing is divided by.

    Args:
        counts: Facts that are correct, submitted, gold and seen, `[..., 4]`.

    Returns:
        `[..., 5]`.
    """
    correct, submitted, gold, seen = (counts[..., column] for column in (CORRECT, SUBMITTED, GOLD, SEEN))
    precision, recall = ratio(correct, submitted), ratio(correct, gold)
    ign_precision = (correct - seen) / (submitted - seen + IGN_EPSILON)
    return np.stack([f1(precision, recall), precision, recall, f1(ign_precision, recall), ign_precision], axis=-1)


def ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    """Return `part / whole`, 0 where `whole` is 0."""
    divisor = np.asarray(whole, dtype=np.float64)
    quotient: NDArray[np.float64] = np.divide(part, divisor, out=np.zeros_like(divisor), where=divisor != 0)
    return quotient


def f1(precision: Any, recall: Any) -> NDArray[np.float64]:
    """Return the harmonic mean of precision and recall, 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)
