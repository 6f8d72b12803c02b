"""Split the pairs of a batch into blocks and chunks, which bound the memory of scoring."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.preprocessing.batch import Batch, copy_to

PairRows: TypeAlias = slice | NDArray[np.int64]
"""Rows of `Batch.pairs`: a range, or an array of row indices."""


@dataclass(frozen=True)
class PairBlock:
    """Pairs of some subjects and objects of consecutive documents, whose contexts are computed together."""

    documents: slice
    subjects: slice
    objects: slice
    rows: PairRows
    count: int
    """Number of pairs."""

    def context_indices(self, pairs: Tensor, *, entities: int) -> Tensor:
        """Return the index of each pair in the flattened `[documents, subjects, objects]`, `[pairs]`.

        `pairs` are the block's rows of `Batch.pairs`; `entities` is the number that documents are padded to.
        """
        subject, object_ = (pairs % entities).unbind(dim=1)
        document = pairs[:, 0] // entities - self.documents.start
        row = document * (self.subjects.stop - self.subjects.start) + subject - self.subjects.start
        indices: Tensor = row * (self.objects.stop - self.objects.start) + object_ - self.objects.start
        return indices


def pair_chunks(
    batch: Batch, *, max_documents: int, max_entities: int, max_pairs: int, max_context: int
) -> Iterator[list[PairBlock]]:
    """Yield chunks: lists of blocks whose pairs are scored together. A batch without pairs yields one empty chunk.

    Args:
        batch: The batch.
        max_documents: Maximum documents in a block.
        max_entities: Maximum subjects of each document in a block, and maximum objects.
        max_pairs: Maximum pairs in a chunk.
        max_context: Maximum size of a block's `[documents, tokens, subjects, objects]`.
    """
    chunk: list[PairBlock] = []
    size = 0
    for block in _blocks(
        batch, max_documents=max_documents, max_entities=max_entities, max_pairs=max_pairs, max_context=max_context
    ):
        size += block.count
        if size > max_pairs and chunk:
            yield chunk
            chunk, size = [], block.count
        chunk.append(block)
    if chunk or not len(batch.pairs):
        yield chunk


def _blocks(
    batch: Batch, *, max_documents: int, max_entities: int, max_pairs: int, max_context: int
) -> Iterator[PairBlock]:
    """Yield blocks of as many documents as allowed, split by subject and object if there are too many entities."""
    first_pairs = np.cumsum([0, *batch.pair_counts]).tolist()
    for documents in _slices(len(batch.lengths), size=max_documents):
        lengths, entities = batch.lengths[documents], max(batch.entity_counts[documents])
        first, stop = first_pairs[documents.start], first_pairs[documents.stop]
        max_document_pairs = min(max_pairs, max_context // (len(lengths) * max(lengths)))
        max_objects = max(1, min(entities, max_entities, max_document_pairs))
        max_subjects = max(1, min(max_entities, max_document_pairs // max_objects))
        if entities <= min(max_objects, max_subjects):
            if stop > first:
                yield PairBlock(documents, slice(0, entities), slice(0, entities), slice(first, stop), stop - first)
            continue
        pairs = np.concatenate(batch.document_pairs[documents])
        for subjects in _slices(entities, size=max_subjects):
            subject_rows = _rows_within(subjects, pairs[:, 0])
            for objects in _slices(entities, size=max_objects):
                rows = subject_rows[_rows_within(objects, pairs[subject_rows, 1])] + first
                if len(rows):
                    yield PairBlock(documents, subjects, objects, rows, len(rows))


def chunk_rows(chunk: list[PairBlock]) -> PairRows:
    """Return the rows of the pairs of a chunk, in the order of its blocks."""
    slices = [block.rows for block in chunk if isinstance(block.rows, slice)]
    if len(slices) == len(chunk):  # adjacent, since blocks are in order
        return slice(slices[0].start, slices[-1].stop) if slices else slice(0, 0)
    return np.concatenate([np.arange(r.start, r.stop) if isinstance(r := block.rows, slice) else r for block in chunk])


def gather_rows(values: Tensor, rows: PairRows) -> Tensor:
    """Return some rows of a tensor."""
    return values[rows] if isinstance(rows, slice) else values.index_select(0, _index(rows, values))


def scatter_rows(target: Tensor | None, values: Tensor, rows: PairRows, *, count: int) -> Tensor:
    """Write values, `[rows, …]`, to rows of `target`, `[count, …]`, in place; return it, newly allocated if `None`."""
    if isinstance(rows, slice) and len(values) == count:
        return values
    if target is None:
        target = values.new_empty(count, *values.shape[1:])
    if isinstance(rows, slice):
        target[rows] = values
        return target
    return target.index_copy_(0, _index(rows, values), values)


def _index(rows: NDArray[np.int64], values: Tensor) -> Tensor:
    return copy_to(torch.from_numpy(rows), values.device)


def _slices(count: int, *, size: int) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _rows_within(entities: slice, values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the rows whose entity is in the slice."""
    return np.flatnonzero((values >= entities.start) & (values < entities.stop))
