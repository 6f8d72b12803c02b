"""Probabilities estimate how often candidates with a margin are correct."""

import numpy as np
import pytest
import torch

from atlop.calibration.probability import expected_calibration_error, fit_probability
from atlop.errors import AtlopError


def drawn(slope: float, intercept: float, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    margin = generator.normal(0.0, 3.0, size).astype(np.float32)
    return margin, generator.random(size) < 1 / (1 + np.exp(-(slope * margin + intercept)))


def test_the_curve_that_made_the_labels_is_found_again() -> None:
    slope, intercept = fit_probability(*drawn(0.8, -1.5))
    assert slope == pytest.approx(0.8, abs=0.05)
    assert intercept == pytest.approx(-1.5, abs=0.1)


def test_the_fit_has_no_gradient_left() -> None:
    margin, correct = drawn(0.5, 0.3, size=500)
    slope, intercept = (
        torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in fit_probability(margin, correct)
    )
    positives = int(correct.sum())
    target = torch.from_numpy(np.where(correct, (positives + 1) / (positives + 2), 1 / (500 - positives + 2)))
    logits = slope * torch.from_numpy(margin).double() + intercept
    torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum").backward()
    assert slope.grad is not None
    assert abs(slope.grad.item()) < 1e-4
    assert intercept.grad is not None
    assert abs(intercept.grad.item()) < 1e-4


def test_margins_that_separate_right_from_wrong_give_a_finite_curve() -> None:
    margin = np.array([-1e4, -1.0, 1.0, 1e4], dtype=np.float32)
    slope, intercept = fit_probability(margin, margin > 0)
    assert np.isfinite([slope, intercept]).all()
    assert slope > 0


@pytest.mark.parametrize("holds", [True, False])
def test_labels_of_one_kind_are_refused(holds: bool) -> None:
    with pytest.raises(AtlopError, match="expected some of each"):
        fit_probability(np.array([1.0, 2.0], dtype=np.float32), np.array([holds, holds]))


def test_margins_that_mislead_are_refused() -> None:
    margin, correct = drawn(0.8, 0.0, size=200)
    with pytest.raises(AtlopError, match="not correct more often"):
        fit_probability(margin, ~correct)


def test_the_calibration_error_is_the_gap_between_probability_and_accuracy() -> None:
    probability = np.array([0.85, 0.85, 0.85, 0.85, 0.1])
    correct = np.array([True, True, False, False, False])
    assert expected_calibration_error(probability, correct) == pytest.approx((4 * 0.35 + 0.1) / 5)
