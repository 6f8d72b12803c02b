"""The attention of entities, computed when it is asked for: that of many entities at once needs much memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.model.windows import Windows
from atlop.preprocessing import Batch

ENTITIES_AT_ONCE = 64
"""Entities of a document whose attention is there at the same time in prediction."""

ROW_EPSILON = 1e-10
"""Added to an attention row's sum before it is divided by it; published."""

RowsOf = Callable[[Tensor], Tensor]
"""Attention within one encoder input, after dropout: places of tokens, int64 `[rows]`, to `[heads, rows, tokens]`."""


@dataclass(frozen=True)
class WindowReader:
    """Gives the attention of the mentions that one window of a document reads; one in an overlap is read twice."""

    rows: RowsOf
    """Attention within the window."""
    own: slice
    """The window's pieces that are not borrowed."""
    first: int
    """Place of the first of them in the document."""
    read: NDArray[np.int64]
    """Mentions of the document that are read, ascending, `[readings]`."""
    mentions: Tensor
    """The same where the model is."""
    places: Tensor
    """Place of each one's start marker in the window, int64 `[readings]`."""

    def rows_between(self, first: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return which of the mentions from `first` to before `stop` are read, counted from `first`, and their rows.

        Returns:
            int64 `[readings]` and `[heads, readings, own pieces]`, at least float32.
        """
        part = slice(*np.searchsorted(self.read, (first, stop)).tolist())
        rows = self.rows(self.places[part])[:, :, self.own]
        return self.mentions[part] - first, rows.to(torch.promote_types(rows.dtype, torch.float32))


@dataclass(frozen=True)
class AttentionReader:
    """Gives the attention of the entities of one document."""

    windows: Sequence[WindowReader]
    """The document's windows, one at least."""
    tokens: int
    """Pieces of the document."""
    first_mentions: NDArray[np.int64]
    """First mention of each entity, and at last the number of mentions, `[entities + 1]`."""
    mention_entities: Tensor
    """Entity of each mention, ascending, int64 `[mentions]`."""
    training: bool
    """Whether dropout would be drawn anew if rows were computed again."""

    def rows(self, entities: slice) -> Tensor:
        """Return the mean attention rows of some entities, each mention's added up over windows and renormalised.

        Rows are computed once for all entities where these are few, and in training; else anew every time. Documents
        of one window are not renormalised.

        Args:
            entities: From the first to before the last, both given.

        Returns:
            `[entities, heads, tokens]`, float32, laid out token by token, as localized context reads it; zeros for an
            entity without a mention.
        """
        if self.training or len(self.first_mentions) - 1 <= ENTITIES_AT_ONCE:
            return self._all[entities]
        return self._read(entities)

    @cached_property
    def _all(self) -> Tensor:
        return self._read(slice(0, len(self.first_mentions) - 1))

    def _read(self, entities: slice) -> Tensor:
        first, stop = self.first_mentions[[entities.start, entities.stop]].tolist()
        entity = torch.arange(entities.start, entities.stop, device=self.mention_entities.device)
        with torch.autocast(entity.device.type, enabled=False):
            parts = [window.rows_between(first, stop) for window in self.windows]
            of_entity = entity[:, None] == self.mention_entities[first:stop]
            share = of_entity / of_entity.sum(dim=1, keepdim=True).clamp(min=1)
            weights = share * _scales(parts, mentions=stop - first)  # [heads, entities, mentions]
            pooled = weights.new_zeros(self.tokens, len(entity) * len(weights))
            for window, (mentions, rows) in zip(self.windows, parts, strict=True):
                averaged = torch.bmm(weights.index_select(2, mentions), rows)  # [heads, entities, own pieces]
                pieces = torch.arange(window.first, window.first + averaged.shape[2], device=entity.device)
                pooled.index_add_(0, pieces, averaged.permute(2, 1, 0).flatten(start_dim=1))
        return pooled.view(self.tokens, len(entity), len(weights)).permute(1, 2, 0)


def _scales(parts: Sequence[tuple[Tensor, Tensor]], *, mentions: int) -> Tensor:
    """Return what each mention's rows are multiplied with: over several windows they are made to sum to 1.

    Args:
        parts: Mentions and rows of each window.
        mentions: Number of mentions.

    Returns:
        `[heads, 1, mentions]`.
    """
    _, rows = parts[0]
    if len(parts) == 1:
        return rows.new_ones(len(rows), 1, mentions)
    sums = rows.new_zeros(len(rows), mentions)
    for index, rows in parts:
        sums = sums.index_add(1, index, rows.sum(dim=2))
    return 1 / (sums[:, None] + ROW_EPSILON)


def readers(batch: Batch, windows: Windows, rows: Sequence[RowsOf], *, training: bool) -> list[AttentionReader]:
    """Return what gives the attention of the entities of each document.

    Args:
        batch: The documents.
        windows: How they were cut.
        rows: Attention within each window.
        training: Whether it is that after dropout.
    """
    device = batch.input_ids.device
    read = [windows.read(window, batch.mention_positions[of]) for window, of in enumerate(windows.documents)]
    counts = [of_window.shape[1] for of_window in read]
    there = torch.from_numpy(np.concatenate(read, axis=1)).to(device, non_blocking=True).split(counts, dim=1)
    of_windows = [
        WindowReader(of_window, *windows.own(window), read=mentions, mentions=index, places=places)
        for window, (of_window, (mentions, _), (index, places)) in enumerate(zip(rows, read, there, strict=True))
    ]
    mention_entities = torch.from_numpy(batch.mention_entities).to(device, non_blocking=True)
    found = []
    for document, (tokens, entities) in enumerate(zip(batch.lengths, batch.entities, strict=True)):
        of_mentions = batch.mention_entities[document][batch.mention_entities[document] >= 0]
        found.append(
            AttentionReader(
                [of_windows[window] for window in np.flatnonzero(windows.documents == document)],
                tokens=tokens,
                first_mentions=np.searchsorted(of_mentions, np.arange(entities + 1)),
                mention_entities=mention_entities[document, : len(of_mentions)],
                training=training,
            )
        )
    return found
