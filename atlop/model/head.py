"""The interface of heads: further outputs for each pair, each with its own loss."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from atlop.config import Section
from atlop.model.outputs import LossTerm, PairOutputs
from atlop.preprocessing import Batch


@dataclass(frozen=True)
class PairStates:
    """The inputs of a head, for some pairs."""

    embeddings: Tensor
    """Embeddings of all entities, `[entities, width]`."""
    pairs: Tensor
    """Subject and object of each pair among them, int `[pairs, 2]`."""
    context: Tensor
    """Localized context, `[pairs, width]`; of width 0 without context."""
    sentence_shares: Tensor | None
    """Share of each sentence in the localized context, at least float32 `[pairs, sentences]`; `None` if no head
    `reads_sentences`."""

    @property
    def subject(self) -> Tensor:
        """Embedding of each pair's subject, `[pairs, width]`."""
        return self.embeddings.index_select(0, self.pairs[:, 0])

    @property
    def object(self) -> Tensor:
        """Embedding of each pair's object, `[pairs, width]`."""
        return self.embeddings.index_select(0, self.pairs[:, 1])


class HeadConfig(Section):
    """The parameters of a head."""

    weight: float = Field(1.0, ge=0)
    """Weight of the loss; with 0 the head is not trained, and only computed in prediction."""


class Head(nn.Module, ABC):
    """A module that computes an output for each pair, and its loss; trained at the learning rate of the new layers."""

    reads_sentences: ClassVar[bool] = False
    """Whether it needs `PairStates.sentence_shares`."""

    config_class: ClassVar[type[HeadConfig]] = HeadConfig
    """What its section of the configuration may have; a head with parameters of its own names a subclass."""

    def __init__(self, name: str, *, width: int, context_width: int, config: HeadConfig):
        """Make the layers.

        Args:
            name: The head's key in `HEADS`.
            width: Width of entity embeddings.
            context_width: Width of contexts; 0 without context.
            config: The section `[heads.NAME]` of the configuration, a `config_class`.
        """
        super().__init__()
        self.name = name
        self.weight = config.weight

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
