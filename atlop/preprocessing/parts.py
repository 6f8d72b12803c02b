"""The pairs of a batch in parts, so that what a pair needs besides its scores does not grow with their number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.preprocessing.batch import Batch

Rows: TypeAlias = slice | NDArray[np.int64]
"""Rows of pairs in a batch: consecutive ones, or those listed."""


@dataclass(frozen=True)
class Block:
    """Pairs of some subjects with some objects of consecutive documents, whose contexts are computed together."""

    documents: slice
    subjects: slice
    objects: slice
    rows: Rows
    count: int
    """Number of pairs."""

    def cells(self, pairs: Tensor, *, entities: int) -> Tensor:
        """Return the place of each of the block's pairs in `[documents, subjects, objects]`, `[pairs]`.

        Args:
            pairs: Its pairs, as `Batch.pairs` has them.
            entities: Most entities of a document of the batch.
        """
        subject, object_ = (pairs % entities).unbind(dim=1)
        document = pairs[:, 0] // entities - self.documents.start
        row = document * (self.subjects.stop - self.subjects.start) + subject - self.subjects.start
        cells: Tensor = row * (self.objects.stop - self.objects.start) + object_ - self.objects.start
        return cells


def parts(batch: Batch, *, documents: int, entities: int, pairs: int, context: int) -> Iterator[list[Block]]:
    """Yield the blocks whose pairs are scored together; a batch without pairs is one part without a block.

    Args:
        batch: The batch.
        documents: Most documents of a block.
        entities: Most entities of a document that are subjects, and that are objects, in a block.
        pairs: Most pairs that are scored together.
        context: Most entries `[documents, tokens, subjects, objects]` of a block.
    """
    gathered: list[Block] = []
    size = 0
    for block in _blocks(batch, documents=documents, entities=entities, pairs=pairs, context=context):
        size += block.count
        if size > pairs and gathered:
            yield gathered
            gathered, size = [], block.count
        gathered.append(block)
    if gathered or not len(batch.pairs):
        yield gathered


def _blocks(batch: Batch, *, documents: int, entities: int, pairs: int, context: int) -> Iterator[Block]:
    """Yield the pairs, of as many documents together as may be; where entities are many, some with some."""
    first_pairs = np.cumsum([0, *batch.pair_counts]).tolist()
    for group in _slices(len(batch.lengths), size=documents):
        lengths, count = batch.lengths[group], max(batch.entities[group])
        first, stop = first_pairs[group.start], first_pairs[group.stop]
        most = min(pairs, context // (len(lengths) * max(lengths)))  # pairs of each document
        widest = max(1, min(count, entities, most))
        tallest = max(1, min(entities, most // widest))
        if count <= min(widest, tallest):
            if stop > first:
                yield Block(group, slice(0, count), slice(0, count), slice(first, stop), stop - first)
            continue
        of_group = np.concatenate(batch.document_pairs[group])
        for subjects in _slices(count, size=tallest):
            with_subjects = _within(subjects, of_group[:, 0])
            for objects in _slices(count, size=widest):
                rows = with_subjects[_within(objects, of_group[with_subjects, 1])] + first
                if len(rows):
                    yield Block(group, subjects, objects, rows, len(rows))


def rows_of(blocks: list[Block]) -> Rows:
    """Return the rows of the pairs of some blocks, one after the other."""
    slices = [block.rows for block in blocks if isinstance(block.rows, slice)]
    if len(slices) == len(blocks):  # consecutive, since blocks follow each other
        return slice(slices[0].start, slices[-1].stop) if slices else slice(0, 0)
    return np.concatenate([np.arange(r.start, r.stop) if isinstance(r := each.rows, slice) else r for each in blocks])


def take(values: Tensor, rows: Rows) -> Tensor:
    """Return some rows of a tensor."""
    return values[rows] if isinstance(rows, slice) else values.index_select(0, _index(rows, values))


def put(whole: Tensor | None, found: Tensor, rows: Rows, *, count: int) -> Tensor:
    """Write what was found for some rows in its place, `None` standing for nothing yet; return the whole.

    Args:
        whole: `[count, …]`.
        found: `[rows, …]`.
        rows: Which rows.
        count: Number of all rows.
    """
    if isinstance(rows, slice) and len(found) == count:
        return found
    if whole is None:
        whole = found.new_empty(count, *found.shape[1:])
    if isinstance(rows, slice):
        whole[rows] = found
        return whole
    return whole.index_copy_(0, _index(rows, found), found)


def _index(rows: NDArray[np.int64], values: Tensor) -> Tensor:
    return torch.from_numpy(rows).to(values.device, non_blocking=True)


def _slices(count: int, *, size: int) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _within(entities: slice, values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return where the values are among some entities."""
    return np.flatnonzero((values >= entities.start) & (values < entities.stop))
