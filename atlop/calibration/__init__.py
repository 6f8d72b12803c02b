"""What turns scores into facts, chosen from scores on a labelled corpus."""

from atlop.calibration.candidates import Candidates, collect_candidates
from atlop.calibration.choice import CHOOSERS, ChosenDecision, DecisionScores, choose_decision
from atlop.calibration.evidence import EvidenceCandidates, collect_evidence, evidence_threshold
from atlop.calibration.models import CalibratedModels, calibrate
from atlop.calibration.thresholds import ThresholdSweep, global_threshold, per_class_thresholds, precision_threshold

__all__ = [
    "CHOOSERS",
    "CalibratedModels",
    "Candidates",
    "ChosenDecision",
    "DecisionScores",
    "EvidenceCandidates",
    "ThresholdSweep",
    "calibrate",
    "choose_decision",
    "collect_candidates",
    "collect_evidence",
    "evidence_threshold",
    "global_threshold",
    "per_class_thresholds",
    "precision_threshold",
]
