"""The model: encoder, pooling, classifier and heads, as a model of transformers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from atlop.config import registered
from atlop.model.classifier import GroupedBilinear, LabelClassifier, new_type_embeddings
from atlop.model.configuration import AtlopConfig
from atlop.model.context import EntityAttention, context_weights, sentence_shares
from atlop.model.encoder import EncoderAttention, document_states, encode
from atlop.model.head import PairStates
from atlop.model.heads import make_heads
from atlop.model.outputs import PairOutputs
from atlop.model.pooling import POOLINGS
from atlop.ops import EncoderRun, limits_for, run_packed, use_fast_layers
from atlop.preprocessing import Batch, DocumentGroup, Features, PairBlock, Windowing, collate
from atlop.preprocessing.pair_blocks import chunk_rows, gather_rows, pair_chunks, scatter_rows


class AtlopModel(PreTrainedModel):
    """Scores the relations between the entities of documents.

    `save_pretrained`, `from_pretrained` and `push_to_hub` are inherited from transformers.
    """

    config: AtlopConfig
    config_class = AtlopConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: AtlopConfig):
        """Make the model with random weights; `new_model` and `from_pretrained` load trained ones.

        Raises:
            AtlopError: The configuration names an unknown pooling or head.
        """
        super().__init__(config)
        encoder_config, settings = config.encoder_config(), config.model
        width = encoder_config.hidden_size
        self._has_context = settings.pooling.context == "localized"
        context_width = width if self._has_context else 0
        self._layers_averaged = settings.encoder.layers_averaged
        self.encoder = prepare_encoder(
            AutoModel.from_config(encoder_config, attn_implementation="eager", trust_remote_code=False)
        )
        self.windowing = Windowing.for_encoder(
            self.encoder,
            start=config.window_start or (),
            end=config.window_end or (),
            size=settings.preprocessing.window,
        )
        self.pool_mentions = registered(POOLINGS, settings.pooling.mentions, key="pooling.mentions")(width)
        representation_size, block_size = settings.classifier.sizes
        classifier = LabelClassifier if settings.classifier.kind == "labels" else GroupedBilinear
        self.classifier = classifier(
            width,
            context_width=context_width,
            classes=config.vocabulary.classes,
            representation_size=representation_size,
            block_size=block_size,
        )
        self.run_encoder: EncoderRun = run_packed
        """How packed windows are encoded; training on a GPU puts a `CapturedEncoder` here."""
        self.post_init()
        # After the others, so that these start with the same weights.
        self.heads = make_heads(settings, width=width, context_width=context_width)
        self.type_embeddings = None
        if settings.classifier.type_embeddings:
            self.type_embeddings = new_type_embeddings(len(config.entity_types or ()), width=width)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()

    def pair_chunks(self, batch: Batch) -> Iterator[list[PairBlock]]:
        """Yield the pairs of a batch in chunks that are small enough to score on the model's device."""
        limits = limits_for(self.device)
        return pair_chunks(
            batch,
            max_documents=limits.documents,
            max_entities=limits.entities,
            max_pairs=limits.pairs,
            max_context=limits.context,
        )

    def collate(self, documents: Sequence[Features]) -> Batch:
        """Make a batch of documents for this model, on the CPU."""
        return collate(documents, windowing=self.windowing)

    def forward(self, batch: Batch) -> PairOutputs:
        """Score the pairs of a batch on the model's device, in the order of `batch.pairs`."""
        return self.score(batch, self.pool(batch))

    def pool(self, batch: Batch) -> "Pooled":
        """Run the encoder and pool the mentions of each entity."""
        hidden, attention = encode(
            self.encoder,
            batch,
            padding=self.windowing.padding,
            layers_averaged=self._layers_averaged,
            with_attention=self._has_context,
            run=self.run_encoder,
        )
        states = document_states(hidden, batch)
        index = batch.mention_indices
        mentions = states.flatten(end_dim=1).index_select(0, index.clamp(min=0).flatten()).unflatten(0, index.shape)
        embeddings = self.pool_mentions(mentions, index >= 0)
        if self.type_embeddings is not None:
            embeddings = embeddings + self.type_embeddings(batch.entity_types + 1)
        return Pooled(batch, embeddings, attention, states, self.training)

    def score(self, batch: Batch, pooled: "Pooled") -> PairOutputs:
        """Score the pairs of a pooled batch; the rest of `forward`."""
        embeddings = pooled.embeddings.flatten(end_dim=1)
        outputs: dict[str, Tensor] = {}
        heads = {name: head for name, head in self.heads.items() if head.weight or not self.training}
        with_sentences = any(head.reads_sentences for head in heads.values())
        for chunk in self.pair_chunks(batch):
            rows = chunk_rows(chunk)
            pairs = gather_rows(batch.pairs, rows)
            context, shares = pooled.context(chunk, with_sentences=with_sentences)
            chunk_outputs = {"scores": self.classifier(embeddings, pairs, context)}
            states = PairStates(embeddings, pairs, context, shares)
            chunk_outputs |= {f"heads.{name}": head(states) for name, head in heads.items()}
            for name, values in chunk_outputs.items():
                outputs[name] = scatter_rows(outputs.get(name), values, rows, count=len(batch.pairs))
        return PairOutputs(outputs["scores"], {name: outputs[f"heads.{name}"] for name in heads})


@dataclass(frozen=True)
class Pooled:
    """An encoded batch: entity embeddings, and what the contexts of pairs are computed from."""

    batch: Batch
    embeddings: Tensor
    """Entity embeddings, `[documents, entities, width]`."""
    attention: EncoderAttention | None
    """`None` if pairs have no context."""
    states: Tensor
    """Encoder states, `[documents, tokens, width]`."""
    training: bool
    """Whether dropout is active."""
    _entity_attentions: dict[tuple[int, int], EntityAttention] = field(default_factory=dict)
    """Cache by start and stop of the document slice, so that dropout is drawn once."""

    def context(self, chunk: Sequence[PairBlock], *, with_sentences: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return the localized contexts of the pairs of a chunk, and on request the share of each sentence in them.

        Returns:
            `[pairs, width]`, of width 0 without attention; and `[pairs, sentences]`.
        """
        if self.attention is None:
            return self.states.new_empty(sum(block.count for block in chunk), 0), None
        contexts, shares = [self.states[0, :0]], [self.states.new_empty(0, self.batch.sentences)]
        for block in chunk:
            attention = self._entity_attention(self.attention, block.documents)
            tokens = slice(attention.group.padded_length)
            subjects, objects = attention.rows(block.subjects), attention.rows(block.objects)
            hidden = self.states[block.documents, tokens]
            weights = context_weights(subjects, objects, documents=len(hidden))
            pairs = gather_rows(self.batch.pairs, block.rows)
            index = block.context_indices(pairs, entities=self.embeddings.shape[1])
            contexts.append((weights @ hidden).flatten(end_dim=1).index_select(0, index))
            if with_sentences:
                table = self.batch.sentence_table(block.documents, tokens)
                shares.append(sentence_shares(weights, table).flatten(end_dim=1).index_select(0, index))
        return _joined(contexts), _joined(shares) if with_sentences else None

    def entity_attention(self, document: int) -> EntityAttention | None:
        """Return the attention of one document's entities; `None` if pairs have no context."""
        if self.attention is None:
            return None
        return self._entity_attention(self.attention, slice(document, document + 1))

    def _entity_attention(self, attention: EncoderAttention, documents: slice) -> EntityAttention:
        key = documents.start, documents.stop
        if key not in self._entity_attentions:
            group = DocumentGroup(self.batch, documents)
            self._entity_attentions[key] = EntityAttention(attention, group, training=self.training)
        return self._entity_attentions[key]


def _joined(parts: list[Tensor]) -> Tensor:
    """Concatenate tensors, the first of which is empty."""
    return parts[-1] if len(parts) <= 2 else torch.cat(parts[1:])


def prepare_encoder(encoder: PreTrainedModel) -> PreTrainedModel:
    """Remove the pooler, which ATLOP does not use, and install the faster layers of `atlop.ops`, in place.

    Args:
        encoder: Loaded with eager attention, which every encoder has and which returns weights.
    """
    if getattr(encoder, "pooler", None) is not None:
        encoder.register_module("pooler", None)
    use_fast_layers(encoder)
    return encoder
