"""Calibrate a decision rule on a labelled corpus."""

from dataclasses import dataclass

import numpy as np

from atlop.calibration.candidates import Candidates
from atlop.calibration.probability import expected_calibration_error, fit_probability
from atlop.calibration.thresholds import global_threshold, per_class_thresholds
from atlop.decoding import Calibration, Rule

THRESHOLDS = {"global": global_threshold, "per_class": per_class_thresholds}


@dataclass(frozen=True)
class Calibrated:
    """A calibration and its scores on the corpus that it was fitted to; `f1` and `calibration_error` are optimistic."""

    calibration: Calibration
    f1_before: float
    """Micro-averaged F1 with all thresholds at 0."""
    f1: float
    """Micro-averaged F1 with the chosen thresholds."""
    calibration_error: float
    """Expected calibration error of the probabilities of all candidates, from 0 to 1."""


def choose_calibration(candidates: Candidates, *, rule: Rule) -> Calibrated:
    """Choose thresholds and fit probabilities.

    Args:
        candidates: Candidates of a labelled corpus that the model was not trained on.
        rule: One threshold for all relations (`global`) or for each (`per_class`).

    Raises:
        AtlopError: Probabilities cannot be fitted; see `fit_probability`.
    """
    thresholds = THRESHOLDS[rule](candidates)
    slope, intercept = fit_probability(candidates.margin, candidates.correct)
    calibration = Calibration(
        rule=rule,
        thresholds=dict(zip(candidates.relations, map(float, thresholds[1:]), strict=True)),
        slope=slope,
        intercept=intercept,
    )
    return Calibrated(
        calibration=calibration,
        f1_before=candidates.f1(np.zeros_like(thresholds)),
        f1=candidates.f1(thresholds),
        calibration_error=expected_calibration_error(calibration.probability(candidates.margin), candidates.correct),
    )
