"""Scores of predicted facts: pure functions without files or PyTorch."""

from atlop.evaluation.breakdown import RARE
from atlop.evaluation.comparison import Comparison, Difference, compare
from atlop.evaluation.detailed import DetailedScores, Estimate, GroupScores, MacroScores, detailed_scores
from atlop.evaluation.official import OfficialScores, official_scores, table_scores
from atlop.evaluation.pairs import within_a_sentence
from atlop.evaluation.seeds import mean_difference, mean_scores
from atlop.evaluation.table import FactTable, fact_table

__all__ = [
    "RARE",
    "Comparison",
    "DetailedScores",
    "Difference",
    "Estimate",
    "FactTable",
    "GroupScores",
    "MacroScores",
    "OfficialScores",
    "compare",
    "detailed_scores",
    "fact_table",
    "mean_difference",
    "mean_scores",
    "official_scores",
    "table_scores",
    "within_a_sentence",
]
