"""Documents beyond the encoder's length: overlapping windows, and their outputs put together again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ROW_EPSILON = 1e-10
"""Added to an attention row's sum before it is divided by it; published."""

MINIMUM_OVERLAP = 64
"""Pieces that neighbours share beyond two windows, so that no piece is read at a border only. A rule here."""


@dataclass(frozen=True)
class Windows:
    """How the documents of a batch are cut. Tensors are int64."""

    documents: Tensor
    """Document of each window, `[windows]`."""
    input_ids: Tensor
    """Pieces of each window, padded, `[windows, window tokens]`."""
    sources: Tensor
    """Position in its document of each piece, `[windows, window tokens]`; −1 for borrowed tokens and padding."""
    lengths: tuple[int, ...]
    """Pieces of each window."""
    read: Tensor
    """Every own piece of every window, as an index into the flattened `sources`, `[pieces read]`."""
    targets: Tensor
    """Where it stands in the documents, as an index into `[documents · tokens]`, `[pieces read]`."""
    shared: Tensor
    """Whether a document has several windows, bool `[documents]`."""


def window_spans(length: int, *, size: int, start_pieces: int, end_pieces: int) -> list[tuple[int, int]]:
    """Return the pieces `[first, last)` of a document that each window reads, borrowed tokens not counted.

    The first window reads the first `size − end_pieces`, the last one the last `size − start_pieces`; where these do
    not meet, windows between them are evenly spaced, as few as leave `MINIMUM_OVERLAP` (REFERENCE: paper's released
    two-window rule, extended to any length here).

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
    borrowed: list[tuple[int, int, int]] = []
    for document, length in enumerate(lengths):
        for first, stop in window_spans(length, size=size, start_pieces=len(start), end_pieces=len(end)):
            before = start if first > 0 else ()
            after = end if stop < length else ()
            window = len(documents)
            documents.append(document)
            sources.append([-1] * len(before) + list(range(first, stop)) + [-1] * len(after))
            borrowed += [(window, column, piece) for column, piece in enumerate(before)]
            borrowed += [(window, len(before) + stop - first + column, piece) for column, piece in enumerate(after)]
    widths = tuple(map(len, sources))
    table = np.full((len(sources), max(widths)), -1, dtype=np.int64)
    fixed = np.full_like(table, padding)
    for row, source in enumerate(sources):
        table[row, : len(source)] = source
    for row, column, piece in borrowed:
        fixed[row, column] = piece
    # Whatever can be known from the lengths is worked out on the host, so that a GPU never has to answer.
    owners = np.array(documents)
    read = np.flatnonzero(table >= 0)
    targets = (owners[:, None] * input_ids.shape[1] + table).ravel()[read]
    on_device = {
        name: torch.from_numpy(value).to(input_ids.device, non_blocking=True)
        for name, value in {
            "documents": owners,
            "sources": table,
            "read": read,
            "targets": targets,
            "shared": np.bincount(owners, minlength=len(lengths)) > 1,
            "fixed": fixed,
        }.items()
    }
    own = input_ids[on_device["documents"]].gather(1, on_device["sources"].clamp(min=0))
    return Windows(
        input_ids=torch.where(on_device["sources"] >= 0, own, on_device.pop("fixed")), lengths=widths, **on_device
    )


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
    states = hidden.flatten(end_dim=1)[windows.read]
    sums = states.new_zeros(documents * tokens, states.shape[1]).index_add(0, windows.targets, states)
    counts = states.new_zeros(documents * tokens).index_add(0, windows.targets, states.new_ones(len(states)))
    return (sums / counts.clamp(min=1)[:, None]).view(documents, tokens, -1)


def rows_in_windows(positions: Tensor, windows: Windows) -> Tensor:
    """Return where each window reads each mention's marker, −1 where it does not, `[windows, mentions]`.

    Args:
        positions: Position of each mention's start marker in its document, `[documents, mentions]`; −1 is padding.
        windows: How the documents were cut.
    """
    wanted = positions[windows.documents]  # [windows, mentions]
    matches = (windows.sources[:, None, :] == wanted[:, :, None]) & (wanted[:, :, None] >= 0)
    return torch.where(matches.any(dim=2), matches.int().argmax(dim=2), -1)


def merge_rows(rows: Tensor, windows: Windows, *, found: Tensor, documents: int, tokens: int) -> Tensor:
    """Add up each mention's attention rows over windows; renormalise them where a document has several windows.

    Args:
        rows: Attention rows, `[windows, mentions, heads, window tokens]`.
        windows: How the documents were cut.
        found: Whether the window reads the mention, bool `[windows, mentions]`.
        documents: Documents in the batch.
        tokens: Pieces of the longest document.

    Returns:
        `[documents, mentions, heads, tokens]`.
    """
    kept = found[:, :, None, None] & (windows.sources >= 0)[:, None, None, :]
    columns = windows.sources.clamp(min=0)[:, None, None, :].expand_as(rows)
    spread = rows.new_zeros(*rows.shape[:3], tokens).scatter_add(3, columns, rows.masked_fill(~kept, 0.0))
    sums = rows.new_zeros(documents, *spread.shape[1:]).index_add(0, windows.documents, spread)
    renormalised = sums / (sums.sum(dim=3, keepdim=True) + ROW_EPSILON)
    return torch.where(windows.shared[:, None, None, None], renormalised, sums)
