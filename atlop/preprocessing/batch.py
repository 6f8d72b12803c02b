"""A batch of documents as tensors: all that the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from atlop.preprocessing.features import Features, Supervision
from atlop.preprocessing.margins import FLOOR, margin_arrays
from atlop.preprocessing.windows import Window, Windowing, split_into_windows


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
    evidence_pairs: int
    """Number of pairs with an item of evidence."""
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
        """Return the batch in pinned memory; `torch.utils.data.DataLoader` calls this."""
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


def collate(documents: Sequence[Features], *, windowing: Windowing) -> Batch:
    """Make a batch of at least one document."""
    lengths = tuple(len(document.input_ids) for document in documents)
    padded_length = max(lengths)
    windows = split_into_windows(lengths, windowing)
    window_counts = np.bincount(window_documents := [window.document for window in windows])
    tokens = _token_arrays(documents, windows, windowing=windowing, padded_length=padded_length)
    window_entities, occurrences = _occurrence_arrays(documents, windows, window_boundaries=tokens["window_boundaries"])
    pairs = _pair_arrays(documents)
    buffer, views = _pack(
        tokens
        | _mention_arrays(documents, padded_length=padded_length)
        | occurrences
        | pairs
        | {"window_counts": window_counts[window_documents]}
    )
    return Batch(
        buffer=buffer,
        **views,
        evidence_pairs=len(np.unique(pairs["labels"][pairs["evidence"][:, 0], 0])),
        sentences=max(document.sentences for document in documents),
        lengths=lengths,
        window_lengths=tuple(window.length for window in windows),
        first_windows=tuple(accumulate(window_counts.tolist(), initial=0)),
        window_entities=tuple(window_entities),
        mention_count=sum(len(document.mention_positions) for document in documents),
        entity_counts=tuple(document.entities for document in documents),
        document_pairs=tuple(document.pairs for document in documents),
        titles=tuple(document.title for document in documents),
        supervision=tuple(document.supervision for document in documents),
    )


def _token_arrays(
    documents: Sequence[Features], windows: Sequence[Window], *, windowing: Windowing, padded_length: int
) -> dict[str, NDArray[Any]]:
    lengths = [window.length for window in windows]
    past_end = len(documents) * padded_length
    input_ids: list[ArrayLike] = []
    document_indices: list[NDArray[Any]] = []
    for window in windows:
        input_ids += [window.prefix, documents[window.document].input_ids[window.first : window.stop], window.suffix]
        offset = window.document * padded_length
        indices = np.arange(offset + window.first, offset + window.stop)
        document_indices.append(np.pad(indices, (len(window.prefix), len(window.suffix)), constant_values=past_end))
    positions = np.concatenate([np.arange(length) for length in lengths])
    return {
        "input_ids": np.concatenate([np.asarray(ids, dtype=np.int32) for ids in input_ids]),
        "position_ids": positions + windowing.first_position,
        "window_boundaries": np.cumsum([0, *lengths]),
        "padded_window_indices": positions + np.repeat(np.arange(len(windows)) * max(lengths), lengths),
        "padded_document_indices": np.concatenate(document_indices),
        "token_sentences": _padded([document.token_sentences for document in documents], fill=-1),
    }


def _mention_arrays(documents: Sequence[Features], *, padded_length: int) -> dict[str, NDArray[Any]]:
    """Pad the mentions of each entity, and the entities of each document."""
    counts = [np.bincount(document.mention_entities, minlength=document.entities) for document in documents]
    mentions = max((int(count.max()) for count in counts if count.size), default=0)
    indices = np.full((len(documents), max(document.entities for document in documents), mentions), -1)
    for row, (document, count) in enumerate(zip(documents, counts, strict=True)):
        column = np.arange(len(document.mention_entities)) - np.repeat(count.cumsum() - count, count)
        indices[row, document.mention_entities, column] = row * padded_length + document.mention_positions
    return {
        "mention_indices": indices,
        "entity_types": _padded([document.entity_types for document in documents], fill=-1),
    }


def _occurrence_arrays(
    documents: Sequence[Features], windows: Sequence[Window], *, window_boundaries: NDArray[Any]
) -> tuple[list[NDArray[np.int32]], dict[str, NDArray[Any]]]:
    """Find the mentions in each window; return `window_entities` and the padded arrays of `Batch`."""
    first_mentions = np.cumsum([0, *(len(document.mention_positions) for document in documents)])
    tokens, entities, mentions, counts = [], [], [], []
    for window, start in zip(windows, window_boundaries, strict=False):
        document = documents[window.document]
        positions = document.mention_positions
        [inside] = np.nonzero((positions >= window.first) & (positions < window.stop))
        tokens.append(start + len(window.prefix) + positions[inside] - window.first)
        entities.append(document.mention_entities[inside])
        mentions.append(first_mentions[window.document] + inside)
        counts.append(np.bincount(document.mention_entities, minlength=document.entities)[entities[-1]])
    return entities, {
        "occurrence_tokens": _padded(tokens, fill=0),
        "occurrence_entities": _padded(entities, fill=-1),
        "occurrence_mentions": _padded(mentions, fill=int(first_mentions[-1])),
        "occurrence_mention_counts": _padded(counts, fill=1),
    }


def _pair_arrays(documents: Sequence[Features]) -> dict[str, NDArray[Any]]:
    entities = max(document.entities for document in documents)
    first_pairs = np.cumsum([0, *(len(document.pairs) for document in documents)])
    first_labels = np.cumsum([0, *(len(document.labels) for document in documents)])
    rows = list(enumerate(documents))
    return {
        "pairs": np.concatenate([document.pairs + row * entities for row, document in rows]),
        "labels": np.concatenate([document.labels + np.array([first_pairs[row], 0]) for row, document in rows]),
        "evidence": np.concatenate(
            [_kept_evidence(document) + np.array([first_labels[row], 0]) for row, document in rows]
        ),
        **margin_arrays(documents, first_pairs=first_pairs),
    }


def _kept_evidence(document: Features) -> NDArray[np.int32]:
    """Return the evidence in sentences of which a token is left."""
    return document.evidence[np.isin(document.evidence[:, 1], document.token_sentences)]


def _padded(rows: Sequence[NDArray[Any]], *, fill: int) -> NDArray[Any]:
    table = np.full((len(rows), max(map(len, rows))), fill)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


def _pack(arrays: dict[str, NDArray[Any]]) -> tuple[Tensor, dict[str, Tensor]]:
    """Copy arrays into one int32 buffer; return the buffer and each array's view of it."""
    array_buffer = np.empty(sum(array.size for array in arrays.values()), dtype=np.int32)
    buffer = torch.from_numpy(array_buffer)
    views, first = {}, 0
    for name, array in arrays.items():
        array_buffer[first : first + array.size] = array.ravel()
        views[name] = buffer[first : first + array.size].view(array.shape)
        first += array.size
    return buffer, views
