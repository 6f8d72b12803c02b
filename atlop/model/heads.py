"""Heads besides the classifier: what else the model says of pairs, each with a loss of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from atlop.model.outputs import LossTerm, PairOutputs
from atlop.preprocessing import Batch


class PairStates(NamedTuple):
    """What a head reads of some pairs."""

    subject: Tensor
    """Embedding of each pair's subject, `[pairs, width]`."""
    object: Tensor
    """Embedding of each pair's object, `[pairs, width]`."""
    context: Tensor
    """Localized context, `[pairs, width]`; of width 0 where pairs have none."""


class Head(nn.Module, ABC):
    """A module, its output of every pair, and its loss term; trained at the learning rate of the new layers."""

    def __init__(self, name: str, *, width: int, context_width: int, parameters: Mapping[str, float]):
        """Make the layers.

        Args:
            name: What the head is registered as.
            width: Width of entity embeddings.
            context_width: Width of contexts; 0 where pairs have none.
            parameters: Those of `[heads.NAME]` in the configuration.
        """
        super().__init__()
        self.name = name

    @abstractmethod
    def forward(self, pairs: PairStates) -> Tensor:
        """Return what the head says of some pairs, `[pairs, …]`, of one type and shape for all."""

    @abstractmethod
    def loss(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss term of a batch.

        Args:
            outputs: What the model says of its pairs; `outputs.heads[self.name]` is what this head says.
            batch: The batch, where the model is.
        """

    def count(self, batch: Batch) -> int:
        """Return what the loss of a batch is averaged over, all pairs unless overridden; known before it is scored."""
        return len(batch.pairs)


HEADS: dict[str, type[Head]] = {}
"""A section `[heads.NAME]` of the configuration adds one to the model."""
