"""Probabilities from margins by Platt scaling."""

import numpy as np
from numpy.typing import NDArray

from atlop.errors import AtlopError

_MAX_STEPS = 100


def fit_probability(margin: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit `p = σ(slope · margin + intercept)` to candidates by maximum likelihood (Platt 2000).

    Targets are Platt's: `(n₊ + 1) / (n₊ + 2)` for correct candidates and `1 / (n₋ + 2)` for the others, so that the
    curve stays finite if a threshold separates them.

    Args:
        margin: Margin of each candidate, `[candidates]`.
        correct: Whether the candidate is correct, `[candidates]`.

    Returns:
        Slope, above 0, and intercept.

    Raises:
        AtlopError: All candidates are correct, all are wrong, or larger margins are not correct more often.
    """
    positives, negatives = int(correct.sum()), int((~correct).sum())
    if not positives or not negatives:
        raise AtlopError(
            f"calibration: {positives} candidates are correct and {negatives} are wrong; expected some of each"
        )
    target = np.where(correct, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    inputs = np.stack([margin.astype(np.float64), np.ones(len(margin))], axis=1)
    weights = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    loss = _loss(inputs @ weights, target)
    for _ in range(_MAX_STEPS):  # Newton's method; the loss is convex in two numbers
        probability = _logistic(inputs @ weights)
        gradient = inputs.T @ (probability - target)
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (new_loss := _loss(inputs @ (weights - step), target)) > loss:
            step = step / 2
        weights = weights - step
        if loss - new_loss <= 1e-12 * loss:
            break
        loss = new_loss
    slope, intercept = map(float, weights)
    if slope <= 0:
        raise AtlopError(
            "calibration: candidates with larger margins are not correct more often; is the model trained?"
        )
    return slope, intercept


def expected_calibration_error(
    probability: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = 10
) -> float:
    """Return the mean gap between probability and accuracy over bins of equal width (Guo et al. 2017).

    Args:
        probability: Probability of each candidate, `[candidates]`.
        correct: Whether the candidate is correct, `[candidates]`.
        bins: Number of bins between 0 and 1.
    """
    bin_index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_index, weights=probability - correct, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(probability)))


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -values))


def _loss(logits: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0.0, logits) - target * logits).sum())
