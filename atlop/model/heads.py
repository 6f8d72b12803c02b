"""Additional heads: further outputs for each pair, each with its own loss."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from atlop.model.outputs import LossTerm, PairOutputs
from atlop.preprocessing import Batch


class PairStates(NamedTuple):
    """The inputs of a head, for some pairs."""

    subject: Tensor
    """Embedding of each pair's subject, `[pairs, width]`."""
    object: Tensor
    """Embedding of each pair's object, `[pairs, width]`."""
    context: Tensor
    """Localized context, `[pairs, width]`; of width 0 without context."""


class Head(nn.Module, ABC):
    """A module that computes an output for each pair, and its loss; trained at the learning rate of the new layers."""

    def __init__(self, name: str, *, width: int, context_width: int, parameters: Mapping[str, float]):
        """Make the layers.

        Args:
            name: The head's key in `HEADS`.
            width: Width of entity embeddings.
            context_width: Width of contexts; 0 without context.
            parameters: The section `[heads.NAME]` of the configuration.
        """
        super().__init__()
        self.name = name

    @abstractmethod
    def forward(self, pairs: PairStates) -> Tensor:
        """Return the outputs for some pairs, `[pairs, …]`, always of the same dtype and trailing shape."""

    @abstractmethod
    def loss(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss term of a batch.

        Args:
            outputs: Outputs for all pairs of the batch; this head's are `outputs.heads[self.name]`.
            batch: The batch, on the model's device.
        """

    def count(self, batch: Batch) -> int:
        """Return what the loss of a batch is averaged over, by default its pairs; called before the batch is scored."""
        return len(batch.pairs)


HEADS: dict[str, type[Head]] = {}
"""Heads by name; a section `[heads.NAME]` of the configuration adds one to the model."""
