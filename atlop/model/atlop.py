"""The model: encoder, pooling, classifier and heads composed, kept as transformers does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from atlop.config import registered
from atlop.errors import AtlopError
from atlop.model.classifier import GroupedBilinear
from atlop.model.configuration import AtlopConfig
from atlop.model.context import EntityAttention, localized_context
from atlop.model.encoder import AttentionOf, document_states, encode
from atlop.model.heads import HEADS, PairStates
from atlop.model.outputs import PairOutputs
from atlop.model.pooling import POOLINGS
from atlop.ops import limits_for, use_fast_layers
from atlop.preprocessing import Batch, Block, Features, Group, collate
from atlop.preprocessing.parts import parts, put, rows_of, take


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
        """Build the model with untrained weights; `new_model` and `from_pretrained` bring trained ones.

        Raises:
            AtlopError: A pooling or a head of the configuration is not known.
        """
        super().__init__(config)
        encoder_config, settings = config.encoder_config(), config.model
        width = encoder_config.hidden_size
        self._has_context = settings.pooling.context == "localized"
        context_width = width if self._has_context else 0
        self._layers_averaged = settings.encoder.layers_averaged
        self._windowing = config.windowing
        self.encoder = prepared(
            AutoModel.from_config(encoder_config, attn_implementation="eager", trust_remote_code=False)
        )
        self.pool_mentions = registered(POOLINGS, settings.pooling.mentions, key="pooling.mentions")(width)
        representation_size, block_size = settings.classifier.sizes
        self.classifier = GroupedBilinear(
            width,
            context_width=context_width,
            classes=config.vocabulary.classes,
            representation_size=representation_size,
            block_size=block_size,
        )
        self.heads = nn.ModuleDict()
        self.post_init()
        for name, parameters in settings.heads.items():  # last of all, so that other layers start as without them
            if name == "relation" or hasattr(self.heads, name):
                raise AtlopError(f"heads.{name}: the name is taken; give the head another one")
            head = registered(HEADS, name, key="heads")
            self.heads[name] = head(name, width=width, context_width=context_width, parameters=parameters)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()

    def parts(self, batch: Batch) -> Iterator[list[Block]]:
        """Yield the pairs of a batch as they are scored together on the model's device."""
        most = limits_for(self.device)
        sizes = {"documents": most.documents, "entities": most.entities, "pairs": most.pairs, "context": most.context}
        return parts(batch, **sizes)

    def collate(self, documents: Sequence[Features]) -> Batch:
        """Lay the features of documents out for this model, on the CPU."""
        return collate(documents, windowing=self._windowing)

    def forward(self, batch: Batch) -> PairOutputs:
        """Score the pairs of a batch that is where the model is; outputs are in the order of `batch.pairs`."""
        return self.score(batch, self.pool(batch))

    def pool(self, batch: Batch) -> "Pooled":
        """Run the encoder and pool the mentions of each entity."""
        hidden, attention = encode(
            self.encoder,
            batch,
            padding=self._windowing.padding,
            layers_averaged=self._layers_averaged,
            with_attention=self._has_context,
        )
        states = document_states(hidden, batch)
        cells = batch.mention_cells
        mentions = states.flatten(end_dim=1).index_select(0, cells.clamp(min=0).flatten()).unflatten(0, cells.shape)
        return Pooled(batch, self.pool_mentions(mentions, cells >= 0), attention, states, self.training)

    def score(self, batch: Batch, pooled: "Pooled") -> PairOutputs:
        """Score the pairs of a batch that is pooled; the rest of `forward`."""
        embeddings = pooled.embeddings.flatten(end_dim=1)
        outputs: dict[str, Tensor] = {}
        for blocks in self.parts(batch):
            rows = rows_of(blocks)
            pairs, context = take(batch.pairs, rows), pooled.context(blocks)
            found = {"scores": self.classifier(embeddings, pairs, context)}
            if self.heads:
                subject, object_ = (embeddings.index_select(0, side) for side in pairs.unbind(dim=1))
                states = PairStates(subject, object_, context)
                found |= {f"heads.{name}": head(states) for name, head in self.heads.items()}
            for name, values in found.items():
                outputs[name] = put(outputs.get(name), values, rows, count=len(batch.pairs))
        heads = {name: outputs[f"heads.{name}"] for name in self.heads}
        return PairOutputs(outputs["scores"], heads)


@dataclass(frozen=True)
class Pooled:
    """A batch as pairs see it."""

    batch: Batch
    embeddings: Tensor
    """Embedding of each entity, `[documents, entities, width]`."""
    attention: AttentionOf | None
    """`None` where pairs have no context."""
    states: Tensor
    """Encoder states, `[documents, grid width, width]`."""
    training: bool
    """Whether dropout is drawn."""
    _groups: dict[int, EntityAttention] = field(default_factory=dict)
    """By first document, so that dropout is drawn once."""

    def context(self, blocks: Sequence[Block]) -> Tensor:
        """Return the localized context of the pairs of some blocks, `[pairs, width]`; of width 0 without attention."""
        if self.attention is None:
            return self.states.new_empty(sum(block.count for block in blocks), 0)
        if not blocks:
            return self.states[0, :0]
        contexts: list[Tensor] = []
        for block in blocks:
            group = Group(self.batch, block.documents)
            if block.documents.start not in self._groups:
                attention = EntityAttention(self.attention, group, training=self.training)
                self._groups[block.documents.start] = attention
            attention = self._groups[block.documents.start]
            hidden = self.states[block.documents, : group.width]
            of_all = localized_context(attention.rows(block.subjects), attention.rows(block.objects), hidden)
            cells = block.cells(take(self.batch.pairs, block.rows), entities=self.embeddings.shape[1])
            contexts.append(of_all.index_select(0, cells))
        return contexts[0] if len(contexts) == 1 else torch.cat(contexts)

    def attention_of(self, document: int) -> EntityAttention | None:
        """Return what gives the attention of one document's entities; `None` where pairs have no context."""
        if self.attention is None:
            return None
        return EntityAttention(self.attention, Group(self.batch, slice(document, document + 1)), training=self.training)


def prepared(encoder: PreTrainedModel) -> PreTrainedModel:
    """Drop the layer over the first token, which ATLOP does not use, and take faster layers of equal meaning.

    Args:
        encoder: Loaded with eager attention, which hands out all weights and which every encoder has.
    """
    if getattr(encoder, "pooler", None) is not None:
        encoder.register_module("pooler", None)
    use_fast_layers(encoder)
    return encoder
