"""The model: encoder, pooling and classifier composed, in the layout of transformers."""

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from atlop.encoding import Batch
from atlop.model import attention
from atlop.model.classifier import GroupedBilinear
from atlop.model.configuration import AtlopConfig
from atlop.model.encoder import encode
from atlop.model.pooling import entity_attention, entity_embeddings, localized_context
from atlop.objectives import Objective, objective_named


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
            `[pairs, classes]` in the order of `batch.pairs`; class 0 is TH.
        """
        embeddings, context = self.represent(batch)
        document, subject, object_ = batch.pairs.unbind(dim=1)
        scores: Tensor = self.classifier(embeddings[document, subject], embeddings[document, object_], context)
        return scores

    def represent(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return entity embeddings `[documents, entities, width]` and pair contexts `[pairs, width]`."""
        encoded = encode(
            self.encoder,
            input_ids=batch.input_ids,
            lengths=batch.lengths,
            positions=batch.mention_positions,
            window_size=self.window_size,
            window_start=self.config.window_start or (),
            window_end=self.config.window_end or (),
            padding=self.padding,
        )
        documents = torch.arange(len(batch.lengths), device=batch.pairs.device)[:, None]
        mention_states = encoded.hidden[documents, batch.mention_positions.clamp(min=0)]
        embeddings = entity_embeddings(mention_states, batch.entity_mentions)
        attended = entity_attention(encoded.mention_attention, batch.entity_mentions)
        return embeddings, localized_context(attended, encoded.hidden, batch.pairs)


def prepared(encoder: PreTrainedModel) -> PreTrainedModel:
    """Drop the layer over the first token, which ATLOP does not use, and choose the attention.

    Args:
        encoder: Loaded with eager attention, which hands out all weights and which every encoder has.
    """
    if getattr(encoder, "pooler", None) is not None:
        encoder.register_module("pooler", None)
    if encoder.config.model_type in attention.SUPPORTED:
        attention.use_on(encoder)
    return encoder
