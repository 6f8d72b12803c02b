"""Scores of predicted facts: pure functions without files or PyTorch."""

from atlop.evaluation.breakdown import RARE
from atlop.evaluation.comparison import Comparison, Difference, compare
from atlop.evaluation.detailed import DetailedScores, Estimate, GroupScores, MacroScores, detailed_scores
from atlop.evaluation.end_to_end import EndToEndScores, end_to_end_scores
from atlop.evaluation.entities import MatchScores, b_cubed_scores, pairwise_scores
from atlop.evaluation.evidence import PairEvidence, gold_evidence
from atlop.evaluation.micro import F1, PRECISION, RECALL, compute_metrics
from atlop.evaluation.official import OfficialScores, official_scores, table_scores
from atlop.evaluation.pairs import within_a_sentence
from atlop.evaluation.resampling import bootstrap, interval
from atlop.evaluation.seeds import evidence_f1, mean_difference, mean_scores, weighted_f1
from atlop.evaluation.suspects import JudgedDocument, RankedFacts, Suspect, rank_facts, suspect_record
from atlop.evaluation.table import FactTable, fact_table

__all__ = [
    "F1",
    "PRECISION",
    "RARE",
    "RECALL",
    "Comparison",
    "DetailedScores",
    "Difference",
    "EndToEndScores",
    "Estimate",
    "FactTable",
    "GroupScores",
    "JudgedDocument",
    "MacroScores",
    "MatchScores",
    "OfficialScores",
    "PairEvidence",
    "RankedFacts",
    "Suspect",
    "b_cubed_scores",
    "bootstrap",
    "compare",
    "compute_metrics",
    "detailed_scores",
    "end_to_end_scores",
    "evidence_f1",
    "fact_table",
    "gold_evidence",
    "interval",
    "mean_difference",
    "mean_scores",
    "official_scores",
    "pairwise_scores",
    "rank_facts",
    "suspect_record",
    "table_scores",
    "weighted_f1",
    "within_a_sentence",
]
