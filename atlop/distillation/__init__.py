"""Distillation in stages: teachers by cross-fitting, their margins, and the student that learns from them."""

from atlop.distillation.cross_fitting import distill

__all__ = ["distill"]
