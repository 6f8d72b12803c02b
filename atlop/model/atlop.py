"""The model: encoder, pooling and classifier composed, in the layout of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from atlop.model import attention
from atlop.model.chunks import Chunk, chunks
from atlop.model.classifier import GroupedBilinear
from atlop.model.configuration import AtlopConfig
from atlop.model.dropout import with_fast_dropout
from atlop.model.encoder import encode
from atlop.model.linear import with_fast_linear_layers
from atlop.model.outputs import PairOutputs
from atlop.model.pooling import MENTION_POOLINGS, gather_rows, localized_context
from atlop.model.reader import AttentionReader
from atlop.preprocessing import Batch


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
        self.encoder = prepared(
            AutoModel.from_config(encoder_config, attn_implementation="eager", trust_remote_code=False)
        )
        self.classifier = GroupedBilinear(
            encoder_config.hidden_size,
            context_width=encoder_config.hidden_size if config.context_pooling == "localized" else 0,
            classes=config.vocabulary.classes,
            representation_size=config.representation_size,
            block_size=config.block_size,
        )
        self.heads = nn.ModuleDict()
        """What is trained beside the scores: each has `loss(outputs, batch) -> LossTerm` and `count(batch) -> int`."""
        self.padding = encoder_config.pad_token_id or 0
        self.window_size = config.window_size
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()

    def forward(self, batch: Batch) -> PairOutputs:
        """Score the pairs of a batch, in the order of `batch.pairs`."""
        return PairOutputs(self.score(batch, self.pool(batch)))

    def score(self, batch: Batch, pooled: "Pooled") -> Tensor:
        """Score the pairs of a batch that is pooled, `[pairs, classes]`, float32; the rest of `forward`."""
        embeddings = pooled.embeddings.flatten(end_dim=1)
        dtype = torch.promote_types(embeddings.dtype, torch.float32)
        scores = embeddings.new_empty(len(batch.pairs), self.config.vocabulary.classes, dtype=dtype)
        for chunk in chunks(batch):
            table = torch.from_numpy(np.stack([chunk.rows, chunk.places]))
            rows, places = table.to(scores.device, non_blocking=True)
            pairs = batch.pairs.index_select(0, rows).long()
            scores.index_copy_(0, rows, self.classifier(embeddings, pairs, pooled.context(chunk, places)))
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
            with_attention=self.config.context_pooling == "localized",
        )
        positions = torch.from_numpy(batch.mention_positions).to(batch.pairs.device, non_blocking=True)
        pool_mentions = MENTION_POOLINGS[self.config.mention_pooling]
        return Pooled(
            embeddings=pool_mentions(gather_rows(encoded.hidden, positions), batch.entity_mentions),
            attention=encoded.attention,
            hidden=encoded.hidden,
        )


@dataclass(frozen=True)
class Pooled:
    """A batch as pairs see it."""

    embeddings: Tensor
    """Embedding of each entity, `[documents, entities, width]`."""
    attention: Sequence[AttentionReader] | None
    """What gives the attention of each document's entities; `None` where pairs have no context."""
    hidden: Tensor
    """Encoder states, `[documents, tokens, width]`."""

    def context(self, chunk: Chunk, places: Tensor) -> Tensor:
        """Return the localized context of pairs, `[pairs, width]`; of width 0 without attention.

        Args:
            chunk: The pairs.
            places: Its places, on the model's device.
        """
        if self.attention is None:
            return self.hidden.new_empty(len(places), 0)
        if not chunk.blocks:
            return self.hidden[0, :0]
        contexts = []
        for block in chunk.blocks:
            reader = self.attention[block.document]
            subjects, objects = reader.rows(block.subjects), reader.rows(block.objects)
            contexts.append(localized_context(subjects, objects, self.hidden[block.document, : reader.tokens]))
        return torch.cat([of_block.flatten(end_dim=1) for of_block in contexts]).index_select(0, places)


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
