"""The model: encoder, pooling and classifier composed, in the layout of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from atlop.encoding import Batch
from atlop.model import attention
from atlop.model.classifier import GroupedBilinear
from atlop.model.configuration import AtlopConfig
from atlop.model.dropout import with_fast_dropout
from atlop.model.encoder import encode
from atlop.model.linear import with_fast_linear_layers
from atlop.model.pooling import entity_embeddings, gather_rows, localized_context
from atlop.objectives import Objective, objective_named

PAIRS_AT_ONCE = 1024
"""Pairs that are scored together."""


class AtlopModel(PreTrainedModel):
    """Scores all relations of all pairs of entities in a batch of documents.

    `save_pretrained`, `from_pretrained` and `push_to_hub` are those of transformers.
    """

    config: AtlopConfig
    config_class = AtlopConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: AtlopConfig):
        """Build the model with untrained weights; `new_model` and `from_pretrained` bring trained ones."""
        super().__init__(config)
        encoder_config = config.encoder_config()
        self.encoder = prepared(AutoModel.from_config(encoder_config, attn_implementation="eager"))
        self.classifier = GroupedBilinear(
            encoder_config.hidden_size,
            classes=config.vocabulary.classes,
            representation_size=config.representation_size,
            block_size=config.block_size,
        )
        self.padding = encoder_config.pad_token_id or 0
        self.window_size = config.window_size
        self.post_init()

    @property
    def objective(self) -> Objective:
        """The loss and decision rule that the model was made for."""
        return objective_named(self.config.objective)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()

    def forward(self, batch: Batch) -> Tensor:
        """Score the pairs of a batch.

        Returns:
            `[pairs, classes]` in the order of `batch.pairs`, float32; class 0 is TH.
        """
        pooled = self.pool(batch)
        embeddings = pooled.embeddings.flatten(end_dim=1)
        dtype = torch.promote_types(embeddings.dtype, torch.float32)
        scores = embeddings.new_empty(len(batch.pairs), self.config.vocabulary.classes, dtype=dtype)
        # In chunks, so that what a pair needs besides its scores does not grow with the number of pairs.
        for number, counts in enumerate(_counts_of_chunks(batch.pair_counts)):
            chunk = slice(number * PAIRS_AT_ONCE, (number + 1) * PAIRS_AT_ONCE)
            pairs = batch.pairs[chunk]
            scores[chunk] = self.classifier(embeddings, pooled.rows(pairs), pooled.context(pairs, counts))
        return scores

    def pool(self, batch: Batch) -> "Pooled":
        """Run the encoder and pool the mentions of each entity."""
        encoded = encode(
            self.encoder,
            batch,
            window_size=self.window_size,
            window_start=self.config.window_start or (),
            window_end=self.config.window_end or (),
            padding=self.padding,
        )
        positions = torch.from_numpy(batch.mention_positions).to(batch.pairs.device, non_blocking=True)
        return Pooled(
            embeddings=entity_embeddings(gather_rows(encoded.hidden, positions), batch.entity_mentions),
            attention=encoded.entity_attention,
            hidden=encoded.hidden,
            lengths=batch.lengths,
        )


@dataclass(frozen=True)
class Pooled:
    """A batch as pairs see it."""

    embeddings: Tensor
    """Embedding of each entity, `[documents, entities, width]`."""
    attention: Tensor
    """Mean attention row of each entity, `[documents, entities, heads, tokens]`."""
    hidden: Tensor
    """Encoder states, `[documents, tokens, width]`."""
    lengths: tuple[int, ...]
    """Pieces of each document."""

    def rows(self, pairs: Tensor) -> Tensor:
        """Return subject and object of pairs as rows of the flattened embeddings, `[pairs, 2]`."""
        return pairs[:, :1] * self.embeddings.shape[1] + pairs[:, 1:]

    def context(self, pairs: Tensor, counts: Sequence[int]) -> Tensor:
        """Return the localized context of pairs, `[pairs, width]`.

        Args:
            pairs: Document, subject and object, `[pairs, 3]`, document after document.
            counts: How many of the pairs each document has, 0 included.
        """
        return torch.cat(
            [
                localized_context(attention[:, :, :length], hidden[:length], of_document[:, 1:])
                for attention, hidden, length, of_document in zip(
                    self.attention, self.hidden, self.lengths, pairs.split(list(counts)), strict=True
                )
            ]
        )


def _counts_of_chunks(pair_counts: Sequence[int]) -> list[list[int]]:
    """Return how many pairs of each document lie in each chunk of `PAIRS_AT_ONCE`; one empty chunk for no pair."""
    ends = np.cumsum(pair_counts)
    firsts = range(0, max(1, int(ends[-1])), PAIRS_AT_ONCE)
    bounds = [(ends.clip(first, first + PAIRS_AT_ONCE) - first) for first in firsts]
    return [np.diff(bound, prepend=0).tolist() for bound in bounds]


def prepared(encoder: PreTrainedModel) -> PreTrainedModel:
    """Drop the layer over the first token, which ATLOP does not use, and choose attention, linear layers and dropout.

    Args:
        encoder: Loaded with eager attention, which hands out all weights and which every encoder has.
    """
    if getattr(encoder, "pooler", None) is not None:
        encoder.register_module("pooler", None)
    if encoder.config.model_type in attention.SUPPORTED:
        attention.use_on(encoder)
    with_fast_linear_layers(encoder)
    with_fast_dropout(encoder)
    return encoder
