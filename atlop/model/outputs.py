"""What the model says, and what training makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class PairOutputs(NamedTuple):
    """What the model says of the pairs of a batch; a tuple, so that whatever wraps the model finds its tensors."""

    scores: Tensor
    """`[pairs, classes]`, at least float32; class 0 is TH."""
    heads: Mapping[str, Tensor] = {}
    """What each further head says of every pair, by name, `[pairs, …]`."""

    @property
    def evidence(self) -> Tensor | None:
        """Share of each sentence in the pair's localized context, `[pairs, sentences]`; `None` without such a head."""
        return self.heads.get("evidence")


@dataclass(frozen=True)
class LossTerm:
    """A loss before it is averaged: what a step divides is the sum over all its batches and processes."""

    sum: Tensor
    """A scalar, float32 at least."""
    count: int
    """What it is averaged over, for example pairs."""
    weight: float = 1.0
