"""Outputs of the model, and loss terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class PairOutputs(NamedTuple):
    """Outputs for the pairs of a batch; a tuple, so that wrappers of the model find the tensors."""

    scores: Tensor
    """`[pairs, classes]`, at least float32; class 0 is TH."""
    heads: Mapping[str, Tensor] = {}
    """Outputs of further heads by name, `[pairs, …]`."""

    @property
    def evidence(self) -> Tensor | None:
        """Share of each sentence in the localized context, `[pairs, sentences]`; see `Evidence`."""
        return self.heads.get("evidence")


@dataclass(frozen=True)
class LossTerm:
    """A loss before averaging: a step divides the sum over all its batches and processes by the total count."""

    sum: Tensor
    """A scalar, at least float32."""
    count: int
    """What it is averaged over, for example pairs."""
    weight: float = 1.0
