"""Some documents of a batch: their windows, tokens and mentions."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from atlop.preprocessing.batch import Batch


@dataclass(frozen=True)
class DocumentGroup:
    """Consecutive documents of a batch whose attention is in one padded tensor; a single document has no padding."""

    batch: Batch
    documents: slice

    @property
    def document_count(self) -> int:
        """Number of documents."""
        return len(self.batch.lengths[self.documents])

    @property
    def padded_length(self) -> int:
        """Tokens that documents are padded to: those of the document if it is one, else of the batch's longest."""
        return self.batch.lengths[self.documents.start] if self.document_count == 1 else self.batch.padded_length

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
    def window_length(self) -> int:
        """Tokens that windows are padded to: those of the window if it is one, else of the batch's longest."""
        lengths = self.batch.window_lengths
        return lengths[self.windows.start] if self.window_count == 1 else max(lengths)

    @property
    def merges_windows(self) -> bool:
        """Whether padded windows differ from padded documents: in number or in length."""
        return self.window_count > self.document_count or self.window_length != self.padded_length

    @cached_property
    def tokens(self) -> slice:
        """Tokens of the windows among those of the batch."""
        ends = list(accumulate(self.batch.window_lengths[: self.windows.stop], initial=0))
        return slice(ends[self.windows.start], ends[-1])

    @property
    def window_starts(self) -> Tensor:
        """First token of each window, `[windows]`."""
        return self.batch.window_ends[self.windows]

    @property
    def padding_mask(self) -> Tensor | None:
        """True at padding, bool `[windows, window tokens]`; `None` without padding."""
        if self.window_count == 1:
            return None
        lengths = self.batch.window_ends[self.windows.start : self.windows.stop + 1].diff()
        return torch.arange(self.window_length, device=lengths.device) >= lengths[:, None]

    def occurrences(self, entities: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the occurrences of some entities; those of other entities may be among them.

        Returns:
            Token, entity, number of the entity's mentions, and mention of each, `[windows, occurrences]`; see `Batch`.
        """
        batch = self.batch
        tokens, owners = batch.occurrence_tokens[self.windows], batch.occurrence_entities[self.windows]
        counts, mentions = batch.occurrence_mention_counts[self.windows], batch.occurrence_mentions[self.windows]
        if entities.start == 0 and entities.stop >= max(batch.entities[self.documents]):
            return tokens, owners, counts, mentions
        ends = np.array(
            [found.searchsorted((entities.start, entities.stop)) for found in batch.window_entities[self.windows]]
        )
        column = ends[:, :1] + np.arange((ends[:, 1] - ends[:, 0]).max())
        padding = torch.from_numpy(column >= ends[:, 1:]).to(tokens.device)
        columns = torch.from_numpy(column).to(tokens.device).clamp(max=max(0, tokens.shape[1] - 1))
        tokens, owners, counts, mentions = (values.gather(1, columns) for values in (tokens, owners, counts, mentions))
        return tokens, owners.masked_fill(padding, -1), counts, mentions.masked_fill(padding, batch.mentions)

    def pad(self, packed: Tensor, *, fill: int = 0) -> Tensor:
        """Pad the windows of the group, `[tokens of the batch, …]` to `[windows, window tokens, …]`."""
        own: Tensor = packed[self.tokens]
        if self.window_count == 1:
            return own.unsqueeze(0)
        indices = self.batch.padded_window_indices[self.tokens].long() - self.windows.start * self.window_length
        flat = own.new_full((self.window_count * self.window_length, *own.shape[1:]), fill)
        padded: Tensor = flat.index_copy(0, indices, own).unflatten(0, (self.window_count, self.window_length))
        return padded

    @cached_property
    def padded_document_indices(self) -> Tensor:
        """Index of each window token in the flattened `[documents, padded_length]`, `[windows, window tokens]`.

        One past the end for padding and for the special tokens added to windows.
        """
        first, past_end = self.documents.start * self.batch.padded_length, self.document_count * self.padded_length
        indices: Tensor = self.pad(self.batch.padded_document_indices, fill=2**31 - 1) - first
        return indices.clamp(max=past_end)
