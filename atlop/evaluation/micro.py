"""Micro-averaged precision, recall, F1 and Ign F1 from counts of facts, by DocRED's formulas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation.table import CORRECT, GOLD, SEEN, SUBMITTED

IGN_EPSILON = 1e-5  # published; makes a perfect Ign F1 slightly less than 1
F1, PRECISION, RECALL, IGN_F1, IGN_PRECISION = range(5)
"""Indices into the last axis of an array of metrics."""
METRICS = 5
"""Length of that axis."""


def compute_metrics(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return F1, precision, recall, Ign F1 and its precision, from 0 to 1; 0 if the denominator is 0.

    Args:
        counts: Numbers of correct, submitted, gold and seen facts, `[..., 4]`.

    Returns:
        `[..., 5]`.
    """
    correct, submitted, gold, seen = (counts[..., column] for column in (CORRECT, SUBMITTED, GOLD, SEEN))
    precision, recall = ratio(correct, submitted), ratio(correct, gold)
    ign_precision = (correct - seen) / (submitted - seen + IGN_EPSILON)
    return np.stack([f1(precision, recall), precision, recall, f1(ign_precision, recall), ign_precision], axis=-1)


def ratio(numerator: Any, denominator: Any) -> NDArray[np.float64]:
    """Return `numerator / denominator`, 0 if the denominator is 0."""
    divisor = np.asarray(denominator, dtype=np.float64)
    quotient: NDArray[np.float64] = np.divide(numerator, divisor, out=np.zeros_like(divisor), where=divisor != 0)
    return quotient


def f1(precision: Any, recall: Any) -> NDArray[np.float64]:
    """Return the harmonic mean of precision and recall, 0 if both are 0."""
    return ratio(2 * precision * recall, precision + recall)
