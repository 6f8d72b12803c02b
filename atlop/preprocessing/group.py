"""Some documents of a batch: their windows, tokens and mentions."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from atlop.preprocessing.batch import Batch


@dataclass(frozen=True)
class Group:
    """Consecutive documents of a batch whose attention lies in one table; with one document nothing is filled up."""

    batch: Batch
    documents: slice

    @property
    def size(self) -> int:
        """Number of documents."""
        return len(self.batch.lengths[self.documents])

    @property
    def width(self) -> int:
        """Tokens of the longest document, of several that of the batch."""
        return self.batch.lengths[self.documents.start] if self.size == 1 else self.batch.width

    @cached_property
    def windows(self) -> slice:
        """Windows of the documents."""
        firsts = self.batch.first_windows
        return slice(firsts[self.documents.start], firsts[self.documents.stop])

    @property
    def window_count(self) -> int:
        """Number of windows."""
        return len(self.batch.window_lengths[self.windows])

    @property
    def merges(self) -> bool:
        """Whether windows are no documents: one has several, or the widths differ."""
        return self.window_count > self.size or self.window_width != self.width

    @property
    def window_width(self) -> int:
        """Tokens of the longest window, of several that of the batch."""
        lengths = self.batch.window_lengths
        return lengths[self.windows.start] if self.window_count == 1 else max(lengths)

    @cached_property
    def tokens(self) -> slice:
        """Tokens of the windows among all."""
        ends = list(accumulate(self.batch.window_lengths[: self.windows.stop], initial=0))
        return slice(ends[self.windows.start], ends[-1])

    @property
    def window_starts(self) -> Tensor:
        """First token of each window, `[windows]`."""
        return self.batch.window_ends[self.windows]

    @property
    def absent(self) -> Tensor | None:
        """True where a window is filled up, `[windows, window tokens]`; `None` where none is."""
        if self.window_count == 1:
            return None
        lengths = self.batch.window_ends[self.windows.start : self.windows.stop + 1].diff()
        return torch.arange(self.window_width, device=lengths.device) >= lengths[:, None]

    def readings(self, entities: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return token, entity, count and mention of the readings of some entities, `[windows, readings]` each.

        They are those of `Batch.reading_tokens` and the like; readings of other entities may be among them.
        """
        batch = self.batch
        of_batch = batch.reading_tokens, batch.reading_entities, batch.reading_counts, batch.reading_mentions
        tokens, owners, counts, mentions = (table[self.windows] for table in of_batch)
        if entities.start == 0 and entities.stop >= max(batch.entities[self.documents]):
            return tokens, owners, counts, mentions
        ends = np.array(
            [of.searchsorted((entities.start, entities.stop)) for of in batch.window_readings[self.windows]]
        )
        column = ends[:, :1] + np.arange((ends[:, 1] - ends[:, 0]).max())
        beyond = torch.from_numpy(column >= ends[:, 1:]).to(tokens.device)
        columns = torch.from_numpy(column).to(tokens.device).clamp(max=max(0, tokens.shape[1] - 1))
        tokens, owners, counts, mentions = (table.gather(1, columns) for table in (tokens, owners, counts, mentions))
        return tokens, owners.masked_fill(beyond, -1), counts, mentions.masked_fill(beyond, batch.mentions)

    def padded(self, packed: Tensor, *, fill: int = 0) -> Tensor:
        """Put packed windows side by side, `[tokens of the batch, …]` to `[windows, window tokens, …]`."""
        own: Tensor = packed[self.tokens]
        if self.window_count == 1:
            return own.unsqueeze(0)
        places = self.batch.window_cells[self.tokens].long() - self.windows.start * self.window_width
        cells = own.new_full((self.window_count * self.window_width, *own.shape[1:]), fill)
        padded: Tensor = cells.index_copy(0, places, own).unflatten(0, (self.window_count, self.window_width))
        return padded

    @cached_property
    def document_cells(self) -> Tensor:
        """The place of each window's tokens in `[documents, width]`, `[windows, window tokens]`.

        One past the last stands for borrowed tokens and padding.
        """
        first, borrowed = self.documents.start * self.batch.width, self.size * self.width
        cells: Tensor = self.padded(self.batch.cells, fill=2**31 - 1) - first
        return cells.clamp(max=borrowed)
