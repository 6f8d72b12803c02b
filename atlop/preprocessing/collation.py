"""Features of documents to a batch."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from atlop.preprocessing.batch import Batch
from atlop.preprocessing.features import Features
from atlop.preprocessing.supervision import teacher_arrays
from atlop.preprocessing.windows import Window, Windowing, split_into_windows


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
        evidence_pairs=_evidence_pairs(documents, pairs=pairs),
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
        **teacher_arrays(
            [document.supervision for document in documents],
            sentences=[document.sentences for document in documents],
            first_pairs=first_pairs,
        ),
    }


def _evidence_pairs(documents: Sequence[Features], *, pairs: Mapping[str, NDArray[Any]]) -> int:
    if len(pairs["share_bits"]):
        return sum(len(document.pairs) for document in documents if document.supervision.shares is not None)
    return len(np.unique(pairs["labels"][pairs["evidence"][:, 0], 0]))


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
