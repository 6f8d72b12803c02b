"""A batch of documents as tensors: all that the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.preprocessing.margins import FLOOR
from atlop.preprocessing.supervision import Supervision


def copy_to(values: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the CPU without waiting for the device, which takes memory that is page-locked."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


@dataclass(frozen=True)
class Batch:
    """A batch as int32 tensors that share one buffer, so that a single copy moves them to a device.

    The encoder reads packed windows, `[tokens]`. What follows reads documents padded to the longest,
    `[documents, padded_length]`, by indices into that tensor flattened. An *occurrence* is a mention in a window: a
    mention where windows overlap has several. Fields that are not tensors stay on the host, where batches are split.
    """

    buffer: Tensor
    """Memory of all tensors below, which are views of it."""
    input_ids: Tensor
    """Token ids of all windows, `[tokens]`."""
    position_ids: Tensor
    """Position of each token in its window, with the encoder's offset, `[tokens]`."""
    window_boundaries: Tensor
    """Boundaries of the windows, `[windows + 1]`; window `w` starts at token `window_boundaries[w]`."""
    window_counts: Tensor
    """Number of windows of each window's document, `[windows]`."""
    padded_window_indices: Tensor
    """Index of each token in the flattened `[windows, longest window]`, `[tokens]`."""
    padded_document_indices: Tensor
    """Index of each token in the flattened `[documents, padded_length]`, `[tokens]`; one past the end for the special
    tokens added to windows."""
    occurrence_tokens: Tensor
    """Token that represents each occurrence, `[windows, occurrences]`, ascending by entity; padding is 0."""
    occurrence_entities: Tensor
    """Entity of each occurrence, `[windows, occurrences]`; padding is −1."""
    occurrence_mentions: Tensor
    """Index of the mention in the batch, `[windows, occurrences]`; padding is the number of mentions."""
    occurrence_mention_counts: Tensor
    """Number of mentions of the occurrence's entity, `[windows, occurrences]`; padding is 1."""
    mention_indices: Tensor
    """Index of each mention in the flattened `[documents, padded_length]`, `[documents, entities, mentions of an
    entity]`; padding is −1."""
    entity_types: Tensor
    """Id of each entity's type, `[documents, entities]`; −1 if unknown, and as padding."""
    token_sentences: Tensor
    """Sentence of each token, `[documents, padded_length]`; −1 for special tokens and padding."""
    pairs: Tensor
    """Subject and object of each pair as indices into the flattened `[documents, entities]`, `[pairs, 2]`; the pairs of
    each document are consecutive."""
    labels: Tensor
    """Row in `pairs` and class id of each fact, `[labels, 2]`."""
    evidence: Tensor
    """Row in `labels` and sentence of each item of evidence, `[evidence, 2]`; without truncated sentences."""
    margins: Tensor
    """Row in `pairs` and class id of each margin of a teacher, `[margins, 2]`."""
    margin_bits: Tensor
    """The margins' float32 bits, `[margins]`."""
    share_bits: Tensor
    """Float32 bits of teachers' share of each sentence in each pair's context, `[pairs, sentences]`; without rows if
    shares are not the targets."""
    evidence_pairs: int
    """Number of pairs with an item of evidence; of pairs with a teacher, if its shares are the targets."""
    sentences: int
    """Maximum number of sentences in a document, as far as it is not truncated."""
    lengths: tuple[int, ...]
    """Length of each document in tokens."""
    window_lengths: tuple[int, ...]
    """Length of each window in tokens."""
    first_windows: tuple[int, ...]
    """First window of each document, then the number of windows, `[documents + 1]`."""
    window_entities: tuple[NDArray[np.int32], ...]
    """Entity of each occurrence in each window, ascending."""
    mention_count: int
    """Number of mentions in all documents."""
    entity_counts: tuple[int, ...]
    """Number of entities in each document."""
    document_pairs: tuple[NDArray[np.int32], ...]
    """For each document, the subject and object of each of its pairs, as indices in the document, `[pairs, 2]`."""
    titles: tuple[str, ...]
    supervision: tuple[Supervision, ...]
    """What each document is trained with."""

    @property
    def pair_counts(self) -> tuple[int, ...]:
        """Number of pairs of each document."""
        return tuple(map(len, self.document_pairs))

    @property
    def padded_length(self) -> int:
        """Length of the longest document in tokens."""
        return self.token_sentences.shape[1]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device; the copy is asynchronous from pinned memory."""
        return self._with_buffer(self.buffer.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory."""
        return self._with_buffer(self.buffer.pin_memory())

    def dense_labels(self, classes: int) -> Tensor:
        """Return whether each class holds for each pair, bool `[pairs, classes]`; TH (column 0) holds for none."""
        labels = torch.zeros(len(self.pairs) * classes, dtype=torch.bool, device=self.labels.device)
        rows, class_ids = self.labels.long().unbind(dim=1)
        return labels.index_fill_(0, rows * classes + class_ids, True).view(-1, classes)

    def dense_margins(self, classes: int) -> Tensor:
        """Return the teachers' margins, float32 `[pairs, classes]`; the floor where none is stored."""
        margins = torch.full((len(self.pairs) * classes,), FLOOR, device=self.margins.device)
        rows, class_ids = self.margins.long().unbind(dim=1)
        values = self.margin_bits.view(torch.float32)
        return margins.index_copy_(0, rows * classes + class_ids, values).view(-1, classes)

    def pair_values(self, values: Sequence[float]) -> Tensor:
        """Return a value of each document for each of its pairs, float32 `[pairs]`, on the batch's device."""
        repeated = np.repeat(np.array(values, dtype=np.float32), self.pair_counts)
        return copy_to(torch.from_numpy(repeated), self.buffer.device)

    def sentence_table(self, documents: slice, tokens: slice) -> Tensor:
        """Return whether each of some tokens is in each sentence, bool `[documents, tokens, sentences]`."""
        numbers = torch.arange(self.sentences, device=self.token_sentences.device)
        return self.token_sentences[documents, tokens, None] == numbers

    def _with_buffer(self, buffer: Tensor) -> "Batch":
        views: dict[str, Any] = {
            name: buffer.as_strided(view.shape, view.stride(), view.storage_offset())
            for name, view in self._views().items()
        }
        return replace(self, buffer=buffer, **views)

    def _views(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "buffer"}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}
