"""Documents beyond the encoder's length: overlapping windows, and their outputs put together again.

Whatever follows from lengths and positions is worked out on the host, so that a GPU never has to answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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

    def own(self, window: int) -> tuple[slice, int]:
        """Return the pieces of a window that are its document's, and the position of the first of them there."""
        own = np.flatnonzero(self.sources[window] >= 0)
        return slice(int(own[0]), int(own[-1]) + 1), int(self.sources[window, own[0]])

    def read(self, window: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the document's positions a window reads, and where in the window, `[2, readings]`.

        Args:
            window: The window.
            positions: In its document, `[positions]`; −1 is padding.
        """
        own, first = self.own(window)
        places = positions - first + own.start
        [read] = np.nonzero((places >= own.start) & (places < own.stop))
        return np.stack([read, places[read]])


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
    """Cut the documents of a batch into windows; where all are short enough, each is one as it is.

    Args:
        input_ids: `[documents, tokens]`.
        lengths: Pieces of each document.
        size: Most pieces of a window.
        start: Pieces that a window borrows where it does not begin its document.
        end: Pieces that a window borrows where it does not end its document.
        padding: Piece that fills up shorter windows.
    """
    if max(lengths) <= size:
        whole = _table([range(length) for length in lengths], fill=-1)
        return Windows(input_ids, lengths=tuple(lengths), documents=np.arange(len(lengths)), sources=whole)
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


def merge_hidden(hidden: Tensor, windows: Windows, *, documents: int, tokens: int) -> Tensor:
    """Average the states of a piece over the windows that read it.

    Args:
        hidden: `[windows, window tokens, width]`.
        windows: How the documents were cut.
        documents: Documents in the batch.
        tokens: Pieces of the longest document.

    Returns:
        `[documents, tokens, width]`; zeros at padding. Documents of one window each stay as they are.
    """
    if len(windows.documents) == documents:
        return hidden
    read = np.flatnonzero(windows.sources >= 0)
    places = (windows.documents[:, None] * tokens + windows.sources).ravel()[read]
    counts = np.bincount(places, minlength=documents * tokens).clip(min=1).astype(np.float32)
    source, target, count = (
        torch.from_numpy(array).to(hidden.device, non_blocking=True) for array in (read, places, counts)
    )
    states = hidden.flatten(end_dim=1).index_select(0, source)
    sums = states.new_zeros(documents * tokens, states.shape[1]).index_add(0, target, states)
    return (sums / count[:, None]).view(documents, tokens, -1)


def _table(rows: Sequence[Sequence[int]], *, fill: int) -> NDArray[np.int64]:
    """Put rows of different lengths side by side."""
    table = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table
