"""Attention of entities, and localized context (paper, 'Localized Context Pooling')."""

from functools import cached_property

import torch
from torch import Tensor

from atlop.model.encoder import EncoderAttention
from atlop.ops import limits_for
from atlop.preprocessing import DocumentGroup

CONTEXT_EPSILON = 1e-5
"""Added to the denominator when a pair's attention is normalized; published, and part of the model."""

ROW_EPSILON = 1e-10
"""Added to the denominator when an attention row is normalized; published."""


class EntityAttention:
    """Computes the attention of the entities of some documents: the mean of their mentions' attention rows.

    Rows of a mention are summed over the windows that contain it, and normalized if its document has several windows.
    """

    def __init__(self, attention: EncoderAttention, group: DocumentGroup, *, training: bool):
        """Prepare the keys of the windows; rows are computed on demand.

        Args:
            attention: The encoder's attention.
            group: The documents.
            training: Whether dropout is active, so that rows must be computed only once.
        """
        self.group = group
        self._attention_rows = attention(group)
        self._entities = max(group.batch.entity_counts[group.document_slice])
        self._keep_all = training or self._entities <= limits_for(group.batch.buffer.device).entities

    def rows(self, entities: slice) -> Tensor:
        """Return the mean attention row of some entities of each document.

        In training, and if entities are few, all rows are computed once; otherwise on every call, to save memory.

        Args:
            entities: With explicit start and stop.

        Returns:
            `[documents · tokens, heads, entities]`, at least float32; zeros for an entity without a mention.
        """
        return self._all_rows[:, :, entities] if self._keep_all else self._mean_rows(entities)

    @cached_property
    def _all_rows(self) -> Tensor:
        return self._mean_rows(slice(0, self._entities))

    def _mean_rows(self, entities: slice) -> Tensor:
        group = self.group
        tokens, occurrence_entities, mentions, counts = group.occurrences(entities)
        with torch.autocast(tokens.device.type, enabled=False):
            rows = self._attention_rows(tokens)  # [windows, heads, occurrences, window tokens]
            entity_ids = torch.arange(entities.start, entities.stop, device=tokens.device)
            weights = ((occurrence_entities[..., None] == entity_ids) / counts[..., None]).to(rows.dtype)[:, None]
            if group.windows_differ_from_documents:
                weights = weights * self._row_scales(rows, mentions)[..., None]
            means = rows.transpose(2, 3) @ weights  # weights are [windows, heads or 1, occurrences, entities]
            del rows  # so that at most two tensors of this size exist at a time
            means = means.transpose(1, 2).flatten(end_dim=1)
            if not group.windows_differ_from_documents:
                return means.contiguous()  # [windows · window tokens, heads, entities]
            sums = means.new_zeros(group.document_count * group.padded_length + 1, *means.shape[1:])
            return sums.index_add(0, group.padded_document_indices.flatten(), means)[:-1]

    def _row_scales(self, rows: Tensor, mentions: Tensor) -> Tensor:
        """Return factors that make a mention's rows sum to 1 over its windows, `[windows, heads, occurrences]`."""
        group, batch, index = self.group, self.group.batch, mentions.flatten()
        in_document = (group.padded_document_indices < group.document_count * group.padded_length).to(rows.dtype)
        sums = (rows @ in_document[:, None, :, None])[..., 0].transpose(1, 2).flatten(end_dim=1)
        total = sums.new_zeros(batch.mention_count + 1, sums.shape[1]).index_add(0, index, sums).index_select(0, index)
        total = total.unflatten(0, (group.window_count, -1)).transpose(1, 2)  # from [windows · occurrences, heads]
        is_single = (batch.window_counts[group.window_slice] == 1)[:, None, None]
        return torch.where(is_single, 1.0, 1 / (total + ROW_EPSILON))


def context_weights(subjects: Tensor, objects: Tensor, *, documents: int) -> Tensor:
    """Return the weights of the tokens that both entities of a pair attend to (paper, 'Localized Context Pooling').

    Computed for every subject with every object, which takes far less memory than an attention row for each pair.

    Args:
        subjects: Mean attention rows of the subjects, `[documents · tokens, heads, subjects]`.
        objects: Mean attention rows of the objects, `[documents · tokens, heads, objects]`.
        documents: Number of documents.

    Returns:
        `[documents, subjects · objects, tokens]`, at least float32; zeros if the two entities attend to no common
        token. The product with the encoder's states is the localized context.
    """
    with torch.autocast(subjects.device.type, enabled=False):
        shared = torch.bmm((subjects / subjects.shape[1]).transpose(1, 2), objects).unflatten(0, (documents, -1))
        shared = shared.flatten(start_dim=2)
        if shared.requires_grad:
            shared.register_hook(lambda grad: None if grad is None else grad.contiguous())  # else CPU bmm is slow
        weight: Tensor = shared / (shared.sum(dim=1, keepdim=True) + CONTEXT_EPSILON)
    return weight.transpose(1, 2)


def sentence_shares(weights: Tensor, sentences: Tensor) -> Tensor:
    """Return the share of each sentence in the localized context of a pair; they sum to at most 1.

    Args:
        weights: The result of `context_weights`, `[documents, subjects · objects, tokens]`.
        sentences: Whether each token is in each sentence, bool `[documents, tokens, sentences]`.

    Returns:
        `[documents, subjects · objects, sentences]`, at least float32.
    """
    with torch.autocast(weights.device.type, enabled=False):
        shares: Tensor = weights @ sentences.to(weights.dtype)
    return shares
