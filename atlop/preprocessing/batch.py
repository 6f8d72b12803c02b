"""Features of several documents as one table of integers: all that the model reads of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from atlop.preprocessing.documents import Features
from atlop.preprocessing.windows import Window, Windowing, windows_of


@dataclass(frozen=True)
class Batch:
    """A batch as tensors that share one block of memory, so that one copy takes them to a device.

    Windows are packed, one after the other without padding, `[tokens]`. After the encoder, documents lie in a grid of
    `[documents, width]` cells, `width` being the tokens of the longest; cells are counted row by row. Tensors are
    int32. What is no tensor stays on the host, since the division of the work follows from it.
    """

    table: Tensor
    """All of the following tensors, which are views of it."""
    input_ids: Tensor
    """Token ids of all windows, `[tokens]`."""
    position_ids: Tensor
    """Position of each token in its window, as the encoder counts them, `[tokens]`."""
    window_ends: Tensor
    """Where windows begin and end, `[windows + 1]`."""
    window_counts: Tensor
    """Number of windows of each window's document, `[windows]`."""
    window_cells: Tensor
    """Place of each token in windows that are padded to the longest, counted row by row, `[tokens]`."""
    cells: Tensor
    """Cell of each token in the grid, `[tokens]`; one past the last for borrowed tokens."""
    reading_tokens: Tensor
    """Token at which a window reads a mention, `[windows, readings]`; by entity, ascending. A mention in an overlap is
    read by each window; padding is 0."""
    reading_entities: Tensor
    """Entity of that mention, `[windows, readings]`; padding is −1."""
    reading_mentions: Tensor
    """Number of that mention in the batch, `[windows, readings]`; padding is their number."""
    reading_counts: Tensor
    """Number of mentions of that entity, `[windows, readings]`; padding is 1."""
    mention_cells: Tensor
    """Cell at which each mention of each entity is read, `[documents, entities, slots]`; padding is −1."""
    mention_types: Tensor
    """Number of the type of each mention, `[documents, entities, slots]`; padding is −1."""
    token_sentences: Tensor
    """Sentence of each cell, `[documents, width]`; −1 for special tokens and padding."""
    pairs: Tensor
    """Subject and object of each pair, `[pairs, 2]`, document after document; entities are counted through the batch,
    every document's from a multiple of `mention_cells.shape[1]`."""
    labels: Tensor
    """Row in `pairs` and class id of each fact, `[labels, 2]`."""
    evidence: Tensor
    """Row in `labels` and sentence of each item of evidence, `[evidence, 2]`."""
    lengths: tuple[int, ...]
    """Tokens of each document."""
    window_lengths: tuple[int, ...]
    """Tokens of each window."""
    first_windows: tuple[int, ...]
    """First window of each document, and the number of windows, `[documents + 1]`."""
    window_readings: tuple[NDArray[np.int32], ...]
    """Entity of each mention that a window reads, ascending, of each window."""
    mentions: int
    """Mentions of all documents."""
    entities: tuple[int, ...]
    """Entities of each document."""
    document_pairs: tuple[NDArray[np.int32], ...]
    """Subject and object of the pairs of each document, counted within it, `[pairs of the document, 2]`."""
    indices: tuple[int, ...]
    """Index of each document in its corpus."""
    titles: tuple[str, ...]

    @property
    def pair_counts(self) -> tuple[int, ...]:
        """Pairs of each document."""
        return tuple(map(len, self.document_pairs))

    @property
    def width(self) -> int:
        """Tokens of the longest document."""
        return self.token_sentences.shape[1]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device; the copy does not wait where the memory is pinned."""
        return self._over(self.table.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Return the batch in pinned memory; `torch.utils.data.DataLoader` calls this."""
        return self._over(self.table.pin_memory())

    def dense_labels(self, classes: int) -> Tensor:
        """Return which classes hold for which pair, bool `[pairs, classes]`; TH (column 0) holds for none."""
        labels = torch.zeros(len(self.pairs) * classes, dtype=torch.bool, device=self.labels.device)
        rows, class_ids = self.labels.long().unbind(dim=1)
        return labels.index_fill_(0, rows * classes + class_ids, True).view(-1, classes)

    def _over(self, table: Tensor) -> "Batch":
        """Return the same batch with another block of memory under its tensors."""
        views: dict[str, Any] = {
            name: table.as_strided(view.shape, view.stride(), view.storage_offset())
            for name, view in self._views().items()
        }
        return replace(self, table=table, **views)

    def _views(self) -> dict[str, Tensor]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "table"}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def collate(documents: Sequence[Features], *, windowing: Windowing) -> Batch:
    """Lay the features of documents out for the model.

    Args:
        documents: At least one.
        windowing: How documents become the inputs of the encoder.
    """
    lengths = tuple(len(document.input_ids) for document in documents)
    windows = windows_of(lengths, windowing)
    of_tokens = _tokens(documents, windows, windowing=windowing, width=max(lengths))
    of_mentions = _mentions(documents, width=max(lengths))
    readings, of_readings = _readings(documents, windows, window_ends=of_tokens["window_ends"])
    owners = [window.document for window in windows]
    counts = np.bincount(owners)
    arrays = of_tokens | of_mentions | of_readings | _pairs(documents) | {"window_counts": counts[owners]}
    table, views = _in_one_block(arrays)
    return Batch(
        table=table,
        **views,
        lengths=lengths,
        window_lengths=tuple(window.tokens for window in windows),
        first_windows=tuple(accumulate(counts.tolist(), initial=0)),
        window_readings=tuple(readings),
        mentions=sum(len(document.mention_positions) for document in documents),
        entities=tuple(document.entities for document in documents),
        document_pairs=tuple(document.pairs for document in documents),
        indices=tuple(document.index for document in documents),
        titles=tuple(document.title for document in documents),
    )


def _tokens(
    documents: Sequence[Features], windows: Sequence[Window], *, windowing: Windowing, width: int
) -> dict[str, NDArray[Any]]:
    """Pack the windows."""
    lengths = [window.tokens for window in windows]
    longest, borrowed = max(lengths), len(documents) * width
    input_ids: list[ArrayLike] = []
    cells: list[NDArray[Any]] = []
    for window in windows:
        own = documents[window.document].input_ids[window.first : window.stop]
        input_ids += [window.before, own, window.after]
        first = window.document * width
        of_own = np.arange(first + window.first, first + window.stop)
        cells.append(np.pad(of_own, (len(window.before), len(window.after)), constant_values=borrowed))
    in_window = np.concatenate([np.arange(length) for length in lengths])
    return {
        "input_ids": np.concatenate([np.asarray(ids, dtype=np.int32) for ids in input_ids]),
        "position_ids": in_window + windowing.first_position,
        "window_ends": np.cumsum([0, *lengths]),
        "window_cells": in_window + np.repeat(np.arange(len(windows)) * longest, lengths),
        "cells": np.concatenate(cells),
        "token_sentences": _padded([document.token_sentences for document in documents], fill=-1),
    }


def _mentions(documents: Sequence[Features], *, width: int) -> dict[str, NDArray[Any]]:
    """Put the mentions of each entity side by side."""
    counts = [np.bincount(document.mention_entities, minlength=document.entities) for document in documents]
    slots = max((int(count.max()) for count in counts if count.size), default=0)
    cells = np.full((len(documents), max(document.entities for document in documents), slots), -1)
    types = np.full_like(cells, -1)
    for row, (document, count) in enumerate(zip(documents, counts, strict=True)):
        slot = np.arange(len(document.mention_entities)) - np.repeat(count.cumsum() - count, count)
        cells[row, document.mention_entities, slot] = row * width + document.mention_positions
        types[row, document.mention_entities, slot] = document.mention_types
    return {"mention_cells": cells, "mention_types": types}


def _readings(
    documents: Sequence[Features], windows: Sequence[Window], *, window_ends: NDArray[Any]
) -> tuple[list[NDArray[np.int32]], dict[str, NDArray[Any]]]:
    """Find the mentions that each window reads; return the entities of each window's too."""
    firsts = np.cumsum([0, *(len(document.mention_positions) for document in documents)])
    tokens, entities, mentions, counts = [], [], [], []
    for window, start in zip(windows, window_ends, strict=False):
        document = documents[window.document]
        positions = document.mention_positions
        [read] = np.nonzero((positions >= window.first) & (positions < window.stop))
        tokens.append(start + len(window.before) + positions[read] - window.first)
        entities.append(document.mention_entities[read])
        mentions.append(firsts[window.document] + read)
        counts.append(np.bincount(document.mention_entities, minlength=document.entities)[entities[-1]])
    return entities, {
        "reading_tokens": _padded(tokens, fill=0),
        "reading_entities": _padded(entities, fill=-1),
        "reading_mentions": _padded(mentions, fill=int(firsts[-1])),
        "reading_counts": _padded(counts, fill=1),
    }


def _pairs(documents: Sequence[Features]) -> dict[str, NDArray[Any]]:
    """Put pairs, labels and evidence of one document after those of the other."""
    entities = max(document.entities for document in documents)
    first_pairs = np.cumsum([0, *(len(document.pairs) for document in documents)])
    first_labels = np.cumsum([0, *(len(document.labels) for document in documents)])
    rows = list(enumerate(documents))
    return {
        "pairs": np.concatenate([document.pairs + row * entities for row, document in rows]),
        "labels": np.concatenate([document.labels + np.array([first_pairs[row], 0]) for row, document in rows]),
        "evidence": np.concatenate([document.evidence + np.array([first_labels[row], 0]) for row, document in rows]),
    }


def _padded(rows: Sequence[NDArray[Any]], *, fill: int) -> NDArray[Any]:
    """Put rows of different lengths side by side."""
    table = np.full((len(rows), max(map(len, rows))), fill)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


def _in_one_block(arrays: dict[str, NDArray[Any]]) -> tuple[Tensor, dict[str, Tensor]]:
    """Copy arrays into one int32 tensor; return it and a view of it for each."""
    table = np.empty(sum(array.size for array in arrays.values()), dtype=np.int32)
    views, first = {}, 0
    tensor = torch.from_numpy(table)
    for name, array in arrays.items():
        table[first : first + array.size] = array.ravel()
        views[name] = tensor[first : first + array.size].view(array.shape)
        first += array.size
    return tensor, views
