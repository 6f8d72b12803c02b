"""Thresholds and probabilities from scores on a labelled corpus."""

from atlop.calibration.candidates import Candidates, collect_candidates
from atlop.calibration.choice import THRESHOLDS, Calibrated, choose_calibration
from atlop.calibration.models import CalibratedModels, calibrate
from atlop.calibration.thresholds import global_threshold, per_class_thresholds

__all__ = [
    "THRESHOLDS",
    "Calibrated",
    "CalibratedModels",
    "Candidates",
    "calibrate",
    "choose_calibration",
    "collect_candidates",
    "global_threshold",
    "per_class_thresholds",
]
