"""The attention of entities, and the text that two entities both attend to (paper, 'Localized Context Pooling')."""

from functools import cached_property

import torch
from torch import Tensor

from atlop.model.encoder import AttentionOf
from atlop.ops import limits_for
from atlop.preprocessing import Group

CONTEXT_EPSILON = 1e-5
"""Added to a pair's total attention before it is divided by it; published, and part of the model."""

ROW_EPSILON = 1e-10
"""Added to an attention row's sum before it is divided by it; published."""


class EntityAttention:
    """Gives the attention of the entities of some documents: the mean over their mentions.

    Attention is added up over the windows that read a mention, and renormalised where there are several.
    """

    def __init__(self, attention: AttentionOf, group: Group, *, training: bool):
        """Put the keys of the windows side by side; no row is computed yet.

        Args:
            attention: That of the encoder.
            group: The documents.
            training: Whether dropout would be drawn anew if rows were computed again.
        """
        self._rows = attention(group)
        self._group = group
        self._entities = max(group.batch.entities[group.documents])
        at_once = limits_for(group.batch.table.device).entities
        self._keeps_all = training or self._entities <= at_once

    def rows(self, entities: slice) -> Tensor:
        """Return the mean attention row of some entities of each document.

        Rows are computed once for all entities where these are few, and in training; else anew every time, since those
        of many entities need much memory.

        Args:
            entities: From the first to before the last, both given.

        Returns:
            `[documents · tokens, heads, entities]`, at least float32; zeros for an entity without a mention.
        """
        return self._all[:, :, entities] if self._keeps_all else self._read(entities)

    @cached_property
    def _all(self) -> Tensor:
        return self._read(slice(0, self._entities))

    def _read(self, entities: slice) -> Tensor:
        group = self._group
        tokens, of, counts, mentions = group.readings(entities)
        with torch.autocast(of.device.type, enabled=False):
            rows = self._rows(tokens)  # [windows, heads, readings, window tokens]
            ids = torch.arange(entities.start, entities.stop, device=of.device)
            share = ((of[..., None] == ids) / counts[..., None]).to(rows.dtype)[:, None]
            if group.merges:
                share = share * self._scales(rows, mentions)[..., None]  # [windows, heads, readings, entities]
            averaged = rows.transpose(2, 3) @ share
            del rows  # so that no more than two tables of this size are there at a time
            averaged = averaged.transpose(1, 2).flatten(end_dim=1)
            if not group.merges:
                return averaged.contiguous()  # [windows · window tokens, heads, entities]
            merged = averaged.new_zeros(group.size * group.width + 1, *averaged.shape[1:])
            return merged.index_add(0, group.document_cells.flatten(), averaged)[:-1]

    def _scales(self, rows: Tensor, mentions: Tensor) -> Tensor:
        """Return what makes the rows of a mention sum to 1 over several windows, `[windows, heads, readings]`."""
        group, batch, mention = self._group, self._group.batch, mentions.flatten()
        own = (group.document_cells < group.size * group.width).to(rows.dtype)
        sums = (rows @ own[:, None, :, None])[..., 0].transpose(1, 2).flatten(end_dim=1)  # [windows · readings, heads]
        total = sums.new_zeros(batch.mentions + 1, sums.shape[1]).index_add(0, mention, sums).index_select(0, mention)
        total = total.unflatten(0, (group.window_count, -1)).transpose(1, 2)
        single = (batch.window_counts[group.windows] == 1)[:, None, None]
        return torch.where(single, 1.0, 1 / (total + ROW_EPSILON))


def localized_context(subjects: Tensor, objects: Tensor, hidden: Tensor) -> Tensor:
    """Average the tokens that both entities of a pair attend to (paper, 'Localized Context Pooling').

    Computed for every subject with every object, which needs far less memory than a row of attention for each pair.

    Args:
        subjects: Mean attention row of each entity that is a subject, `[documents · tokens, heads, subjects]`.
        objects: The same of the entities that are objects, `[documents · tokens, heads, objects]`.
        hidden: Encoder states, `[documents, tokens, width]`.

    Returns:
        `[documents · subjects · objects, width]`; zeros where the two entities attend to no common token.
    """
    documents, tokens, _ = hidden.shape
    with torch.autocast(hidden.device.type, enabled=False):
        shared = torch.bmm((subjects / subjects.shape[1]).transpose(1, 2), objects)
        shared = shared.view(documents, tokens, -1)
        weight = shared / (shared.sum(dim=1, keepdim=True) + CONTEXT_EPSILON)
    return (weight.transpose(1, 2) @ hidden).flatten(end_dim=1)
