"""Consecutive documents of a batch: their windows, tokens and mentions."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from atlop.preprocessing.batch import Batch


@dataclass(frozen=True)
class DocumentGroup:
    """Consecutive documents of a batch whose attention is in one padded tensor.

    A single document is not padded to the length of the batch, but its windows may be padded.
    """

    batch: Batch
    document_slice: slice

    @property
    def document_count(self) -> int:
        """Number of documents."""
        return len(self.batch.lengths[self.document_slice])

    @property
    def padded_length(self) -> int:
        """Length of padded documents in tokens: a single document's own, else that of the batch's longest document."""
        return self.batch.lengths[self.document_slice.start] if self.document_count == 1 else self.batch.padded_length

    @cached_property
    def window_slice(self) -> slice:
        """The documents' windows among those of the batch."""
        first_windows = self.batch.first_windows
        return slice(first_windows[self.document_slice.start], first_windows[self.document_slice.stop])

    @property
    def window_count(self) -> int:
        """Number of windows."""
        return len(self.batch.window_lengths[self.window_slice])

    @property
    def padded_window_length(self) -> int:
        """Length of padded windows in tokens: a single window's own, else that of the batch's longest window."""
        lengths = self.batch.window_lengths
        return lengths[self.window_slice.start] if self.window_count == 1 else max(lengths)

    @property
    def windows_differ_from_documents(self) -> bool:
        """Whether padded windows and padded documents differ in number or length."""
        return self.window_count > self.document_count or self.padded_window_length != self.padded_length

    @cached_property
    def token_slice(self) -> slice:
        """The windows' tokens among those of the batch."""
        boundaries = list(accumulate(self.batch.window_lengths[: self.window_slice.stop], initial=0))
        return slice(boundaries[self.window_slice.start], boundaries[-1])

    @property
    def window_starts(self) -> Tensor:
        """Index of each window's first token among the tokens of the batch, `[windows]`."""
        return self.batch.window_boundaries[self.window_slice]

    @property
    def padding_mask(self) -> Tensor | None:
        """True at padding, bool `[windows, window tokens]`; `None` for a single window, which has no padding."""
        if self.window_count == 1:
            return None
        lengths = self.batch.window_boundaries[self.window_slice.start : self.window_slice.stop + 1].diff()
        return torch.arange(self.padded_window_length, device=lengths.device) >= lengths[:, None]

    def occurrences(self, entities: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the occurrences of a range of entities, counted within each document.

        Returns:
            Token (index among the batch's tokens), entity (index in its document), mention (index in the batch) and
            number of the entity's mentions, `[windows, occurrences]` each. At padding, the entity is −1, the mention is
            `Batch.mention_count`, and the others are arbitrary.
        """
        batch, windows = self.batch, self.window_slice
        tokens, entity_ids = batch.occurrence_tokens[windows], batch.occurrence_entities[windows]
        mentions, counts = batch.occurrence_mentions[windows], batch.occurrence_mention_counts[windows]
        if entities.start == 0 and entities.stop >= max(batch.entity_counts[self.document_slice]):
            return tokens, entity_ids, mentions, counts
        ranges = np.array([ids.searchsorted((entities.start, entities.stop)) for ids in batch.window_entities[windows]])
        columns = ranges[:, :1] + np.arange((ranges[:, 1] - ranges[:, 0]).max())
        padding = torch.from_numpy(columns >= ranges[:, 1:]).to(tokens.device)
        index = torch.from_numpy(columns).to(tokens.device).clamp(max=max(0, tokens.shape[1] - 1))
        tokens, entity_ids, mentions, counts = (x.gather(1, index) for x in (tokens, entity_ids, mentions, counts))
        return tokens, entity_ids.masked_fill(padding, -1), mentions.masked_fill(padding, batch.mention_count), counts

    def pad(self, packed: Tensor, *, fill: int = 0) -> Tensor:
        """Pad the windows of the group, `[tokens of the batch, …]` to `[windows, window tokens, …]`."""
        tokens: Tensor = packed[self.token_slice]
        if self.window_count == 1:
            return tokens.unsqueeze(0)
        count, length = self.window_count, self.padded_window_length
        indices = self.batch.padded_window_indices[self.token_slice].long() - self.window_slice.start * length
        flat = tokens.new_full((count * length, *tokens.shape[1:]), fill)
        padded: Tensor = flat.index_copy(0, indices, tokens).unflatten(0, (count, length))
        return padded

    @cached_property
    def padded_document_indices(self) -> Tensor:
        """Index of each window token in the flattened `[documents, padded_length]`, `[windows, window tokens]`.

        One past the end for padding and for the special tokens added to windows.
        """
        first, past_end = self.document_slice.start * self.batch.padded_length, self.document_count * self.padded_length
        indices: Tensor = self.pad(self.batch.padded_document_indices, fill=2**31 - 1) - first
        return indices.clamp(max=past_end)
