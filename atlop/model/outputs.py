"""What a model gives for a batch, and what a loss makes of it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PairOutputs:
    """What the model says of the pairs of a batch."""

    scores: Tensor
    """`[pairs, classes]`, float32; class 0 is TH."""
    evidence: Tensor | None = None
    """Share of each sentence in the pair's localized context, `[pairs, sentences]`."""


@dataclass(frozen=True)
class LossTerm:
    """A loss before it is averaged: what a step divides is the sum over all its batches and processes."""

    sum: Tensor
    count: int
    """What it is averaged over: all pairs (relation), pairs with annotated evidence (evidence)."""
    weight: float = 1.0
