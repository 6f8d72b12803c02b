"""Some documents of a batch: their windows, tokens and mentions."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

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
        """Whether a document has several windows."""
        return self.window_count > self.size

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

    @property
    def reading_tokens(self) -> Tensor:
        """Token at which each mention is read, `[windows, readings]`."""
        return self.batch.reading_tokens[self.windows]

    def readings_of(self, entities: slice) -> slice:
        """Return readings among which are all of some entities, of every window."""
        found = [
            (int(of.searchsorted(entities.start)), int(of.searchsorted(entities.stop)))
            for of in self.batch.window_readings[self.windows]
        ]
        return slice(min(first for first, _ in found), max(stop for _, stop in found))

    def padded(self, packed: Tensor, *, fill: int = 0) -> Tensor:
        """Put packed windows side by side, `[tokens of the batch, …]` to `[windows, window tokens, …]`."""
        own: Tensor = packed[self.tokens]
        if self.window_count == 1:
            return own.unsqueeze(0)
        places = self.batch.window_cells[self.tokens].long() - self.windows.start * self.window_width
        cells = own.new_full((self.window_count * self.window_width, *own.shape[1:]), fill)
        padded: Tensor = cells.index_copy(0, places, own).unflatten(0, (self.window_count, self.window_width))
        return padded

    def document_cells(self) -> Tensor:
        """Return the place of each window's tokens in `[documents, width]`, `[windows, window tokens]`.

        One past the last stands for borrowed tokens and padding.
        """
        first, borrowed = self.documents.start * self.batch.width, self.size * self.width
        cells: Tensor = self.padded(self.batch.cells, fill=2**31 - 1) - first
        return cells.clamp(max=borrowed)
