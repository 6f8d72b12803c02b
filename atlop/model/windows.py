"""Documents beyond the encoder's length: overlapping windows, and their outputs put together again.

Whatever follows from lengths and positions is worked out on the host, so that a GPU never has to answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROW_EPSILON = 1e-10
"""Added to an attention row's sum before it is divided by it; published."""

MINIMUM_OVERLAP = 64
"""Pieces that neighbours share beyond two windows, so that no piece is read at a border only. A rule here."""


@dataclass(frozen=True)
class Windows:
    """How the documents of a batch are cut. Tensors are int64, arrays too."""

    input_ids: Tensor
    """Pieces of each window, padded, `[windows, window tokens]`."""
    lengths: tuple[int, ...]
    """Pieces of each window."""
    documents: NDArray[np.int64]
    """Document of each window, `[windows]`."""
    sources: NDArray[np.int64]
    """Position in its document of each piece, `[windows, window tokens]`; −1 for borrowed tokens and padding."""


@dataclass(frozen=True)
class Readings:
    """Which window reads which mention's start marker; a mention in an overlap is read twice."""

    rows: Tensor
    """Place of each marker in its window, int64 `[windows, slots]`; −1 is padding."""
    counts: tuple[int, ...]
    """Mentions that each window reads: the first ones of its `rows`. The readings below are in this order."""
    mentions: Tensor
    """Mention of each reading, as an index into `[documents · mentions]`, int64 `[readings]`."""
    entities: Tensor
    """Its entity, as an index into the document's, int64 `[readings]`."""
    shares: Tensor
    """One over the number of the entity's mentions, float32 `[readings]`."""
    renormalised: Tensor
    """Whether the mention's document has several windows, bool `[readings]`."""


def window_spans(length: int, *, size: int, start_pieces: int, end_pieces: int) -> list[tuple[int, int]]:
    """Return the pieces `[first, last)` of a document that each window reads, borrowed tokens not counted.

    The first window reads the first `size − end_pieces`, the last one the last `size − start_pieces` (the released
    code's rule). Where these do not meet, windows between them are evenly spaced, as few as leave `MINIMUM_OVERLAP`
    (the rule here).

    Args:
        length: Pieces of the document, special tokens counted.
        size: Most pieces of a window, borrowed tokens counted.
        start_pieces: Tokens that a later window borrows at its start.
        end_pieces: Tokens that an earlier window borrows at its end.
    """
    if length <= size:
        return [(0, length)]
    first_stop, last_start = size - end_pieces, length - (size - start_pieces)
    if last_start <= first_stop:
        return [(0, first_stop), (last_start, length)]
    inner = size - start_pieces - end_pieces
    assert inner > 0, "a window must have room for a piece"
    stride = max(1, inner - min(MINIMUM_OVERLAP, inner // 2))
    steps = -(-last_start // stride)
    starts = [step * last_start // steps for step in range(1, steps)]
    return [(0, first_stop), *((start, start + inner) for start in starts), (last_start, length)]


def cut(
    input_ids: Tensor, *, lengths: Sequence[int], size: int, start: Sequence[int], end: Sequence[int], padding: int
) -> Windows:
    """Cut the documents of a batch into windows.

    Args:
        input_ids: `[documents, tokens]`.
        lengths: Pieces of each document.
        size: Most pieces of a window.
        start: Pieces that a window borrows where it does not begin its document.
        end: Pieces that a window borrows where it does not end its document.
        padding: Piece that fills up shorter windows.
    """
    documents: list[int] = []
    sources: list[list[int]] = []
    borrowed: list[list[int]] = []
    for document, length in enumerate(lengths):
        for first, stop in window_spans(length, size=size, start_pieces=len(start), end_pieces=len(end)):
            before = start if first > 0 else ()
            after = end if stop < length else ()
            documents.append(document)
            sources.append([-1] * len(before) + list(range(first, stop)) + [-1] * len(after))
            borrowed.append([*before, *[padding] * (stop - first), *after])
    source_table = _table(sources, fill=-1)
    positions = torch.from_numpy(source_table).to(input_ids.device, non_blocking=True)
    own = input_ids[torch.tensor(documents)].gather(1, positions.clamp(min=0))
    others = torch.from_numpy(_table(borrowed, fill=padding)).to(input_ids.device, non_blocking=True)
    return Windows(
        input_ids=torch.where(positions >= 0, own, others),
        lengths=tuple(map(len, sources)),
        documents=np.array(documents),
        sources=source_table,
    )


def readings(
    windows: Windows,
    *,
    positions: NDArray[np.int64],
    mention_entities: NDArray[np.int64],
    entities: int,
    device: torch.device,
) -> Readings:
    """Find the windows that read each mention.

    Args:
        windows: How the documents were cut.
        positions: Position of each mention's start marker in its document, `[documents, mentions]`; −1 is padding.
        mention_entities: Entity of each mention, `[documents, mentions]`; −1 is padding.
        entities: Most entities of a document.
        device: Where the tensors go.
    """
    read = [
        (window, mention, place)
        for window, (document, source) in enumerate(zip(windows.documents, windows.sources, strict=True))
        for mention, place in _read_by(source, positions[document])
    ]
    window, mention, place = np.array(read, dtype=np.int64).reshape(-1, 3).T
    counts = np.bincount(window, minlength=len(windows.documents))
    slot = np.arange(len(window)) - np.repeat(counts.cumsum() - counts, counts)
    rows = np.full((len(counts), max(1, counts.max(initial=0))), -1, dtype=np.int64)
    rows[window, slot] = place
    document = windows.documents[window]
    entity = mention_entities[document, mention]
    owners = np.arange(len(positions))[:, None] * entities + mention_entities
    mentions_of_entity = np.bincount(owners[mention_entities >= 0], minlength=len(positions) * entities)
    windows_of_document = np.bincount(windows.documents, minlength=len(positions))
    arrays = {
        "rows": rows,
        "mentions": document * positions.shape[1] + mention,
        "entities": entity,
        "shares": (1 / mentions_of_entity[document * entities + entity]).astype(np.float32),
        "renormalised": windows_of_document[document] > 1,
    }
    tensors = {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in arrays.items()}
    return Readings(counts=tuple(counts.tolist()), **tensors)


def merge_hidden(hidden: Tensor, windows: Windows, *, documents: int, tokens: int) -> Tensor:
    """Average the states of a piece over the windows that read it.

    Args:
        hidden: `[windows, window tokens, width]`.
        windows: How the documents were cut.
        documents: Documents in the batch.
        tokens: Pieces of the longest document.

    Returns:
        `[documents, tokens, width]`; zeros at padding.
    """
    read = np.flatnonzero(windows.sources >= 0)
    places = (windows.documents[:, None] * tokens + windows.sources).ravel()[read]
    counts = np.bincount(places, minlength=documents * tokens).clip(min=1).astype(np.float32)
    source, target, count = (
        torch.from_numpy(array).to(hidden.device, non_blocking=True) for array in (read, places, counts)
    )
    states = hidden.flatten(end_dim=1).index_select(0, source)
    sums = states.new_zeros(documents * tokens, states.shape[1]).index_add(0, target, states)
    return (sums / count[:, None]).view(documents, tokens, -1)


def merge_attention(
    attention: Tensor, windows: Windows, read: Readings, *, documents: int, mentions: int, entities: int, tokens: int
) -> Tensor:
    """Average each entity's attention over its mentions, each added up over its windows and renormalised.

    Rows of documents with one window are not renormalised. Nothing of size mentions × document length arises.

    Args:
        attention: Attention from the markers, `[windows, slots, heads, window tokens]`.
        windows: How the documents were cut.
        read: Which window reads which mention.
        documents: Documents in the batch.
        mentions: Most mentions of a document.
        entities: Most entities of a document.
        tokens: Pieces of the longest document.

    Returns:
        `[documents, entities, heads, tokens]`, float32.
    """
    heads, window_tokens = attention.shape[2:]
    own = windows.sources >= 0
    is_own = torch.from_numpy(own).to(attention.device, non_blocking=True)
    rows = [of_window[:count].float() for of_window, count in zip(attention, read.counts, strict=True)]
    sums = torch.cat([(of_window * mask).sum(dim=2) for of_window, mask in zip(rows, is_own, strict=True)])
    sums = sums.new_zeros(documents * mentions, heads).index_add(0, read.mentions, sums)
    scale = torch.where(read.renormalised[:, None], 1 / (sums.index_select(0, read.mentions) + ROW_EPSILON), 1.0)
    scale = scale * read.shares[:, None]
    places = windows.documents[:, None] * tokens + windows.sources
    pooled = sums.new_zeros(documents * tokens, entities * heads)
    # Window by window, so that no more than one window's attention of all entities is there besides the result.
    for window, (each, of_entities, factor) in enumerate(
        zip(rows, read.entities.split(read.counts), scale.split(read.counts), strict=True)
    ):
        averaged = each.new_zeros(entities, heads, window_tokens).index_add_(0, of_entities, each * factor[:, :, None])
        read_here = np.flatnonzero(own[window])
        by_token = averaged[:, :, read_here[0] : read_here[-1] + 1].permute(2, 0, 1).flatten(start_dim=1)
        target = torch.from_numpy(places[window, read_here]).to(attention.device, non_blocking=True)
        pooled.index_add_(0, target, by_token)
    return pooled.view(documents, tokens, entities, heads).permute(0, 2, 3, 1)


def _read_by(source: NDArray[np.int64], positions: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return mention and place in the window of each marker that a window reads."""
    places = {position: place for place, position in enumerate(source.tolist()) if position >= 0}
    return [(mention, places[position]) for mention, position in enumerate(positions.tolist()) if position in places]


def _table(rows: Sequence[Sequence[int]], *, fill: int) -> NDArray[np.int64]:
    """Put rows of different lengths side by side."""
    table = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table
