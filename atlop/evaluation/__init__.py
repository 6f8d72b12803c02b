"""Fact + Document -> scores; pure functions, no files, no torch."""

from atlop.evaluation.official import OfficialScores, official_scores

__all__ = ["OfficialScores", "official_scores"]
