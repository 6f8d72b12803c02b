"""Teachers by cross-fitting: a student that learns from their margins, and labels that they doubt."""

from atlop.distillation.cross_fitting import distill
from atlop.distillation.suspects import JudgedCorpus, SuspectLabels, find_suspects, judge

__all__ = ["JudgedCorpus", "SuspectLabels", "distill", "find_suspects", "judge"]
