"""Thresholds and probabilities from scores on a labelled corpus."""

from atlop.calibration.candidates import Candidates, collect_candidates
from atlop.calibration.choice import THRESHOLDS, Calibrated, calibrate
from atlop.calibration.thresholds import global_threshold, per_class_thresholds

__all__ = [
    "THRESHOLDS",
    "Calibrated",
    "Candidates",
    "calibrate",
    "collect_candidates",
    "global_threshold",
    "per_class_thresholds",
]
