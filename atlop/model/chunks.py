"""The pairs of a batch in parts, so that what a pair needs besides its scores does not grow with their number."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.model.reader import ENTITIES_AT_ONCE
from atlop.preprocessing import Batch

PAIRS_AT_ONCE = 2048
"""Pairs that are scored together."""


@dataclass(frozen=True)
class Block:
    """Pairs of some subjects with some objects of one document."""

    document: int
    subjects: slice
    objects: slice
    rows: NDArray[np.int64]
    """Rows of the pairs in the batch, `[pairs]`."""
    places: NDArray[np.int64]
    """Place of each pair among all subjects with all objects, row by row, `[pairs]`."""


@dataclass(frozen=True)
class Chunk:
    """Pairs that are scored together, of one document or several."""

    blocks: tuple[Block, ...]
    rows: NDArray[np.int64]
    """Rows of the pairs in the batch, block after block, `[pairs]`."""
    places: NDArray[np.int64]
    """Place of each pair among all subjects with all objects of each block, block after block, `[pairs]`."""

    @classmethod
    def of(cls, *blocks: Block) -> "Chunk":
        """Put blocks together."""
        sizes = [
            (block.subjects.stop - block.subjects.start) * (block.objects.stop - block.objects.start)
            for block in blocks
        ]
        none = np.empty(0, dtype=np.int64)
        return cls(
            blocks,
            rows=np.concatenate([none, *(block.rows for block in blocks)]),
            places=np.concatenate([none, *(block.places + sum(sizes[:number]) for number, block in enumerate(blocks))]),
        )


def chunks(batch: Batch) -> Iterator[Chunk]:
    """Yield the pairs of a batch, `PAIRS_AT_ONCE` at most together; a batch without pairs is one empty chunk."""
    gathered: list[Block] = []
    size = 0
    for block in _blocks(batch):
        size += len(block.rows)
        if size > PAIRS_AT_ONCE and gathered:
            yield Chunk.of(*gathered)
            gathered, size = [], len(block.rows)
        gathered.append(block)
    yield Chunk.of(*gathered)


def _blocks(batch: Batch) -> Iterator[Block]:
    """Yield the pairs document by document; where entities are many, those of neighbours with neighbours."""
    before = 0
    for document, (pairs, entities) in enumerate(zip(batch.document_pairs, batch.entities, strict=True)):
        widest = min(max(1, entities), ENTITIES_AT_ONCE)
        for subjects in _parts(entities, size=PAIRS_AT_ONCE // widest):
            with_subjects = _within(subjects, pairs[:, 0])
            for objects in _parts(entities, size=widest):
                rows = with_subjects[_within(objects, pairs[with_subjects, 1])]
                subject, object_ = pairs[rows].T.astype(np.int64)
                places = (subject - subjects.start) * (objects.stop - objects.start) + object_ - objects.start
                if len(rows):
                    yield Block(document, subjects, objects, rows=rows + before, places=places)
        before += len(pairs)


def _parts(entities: int, *, size: int) -> list[slice]:
    return [slice(first, min(first + size, entities)) for first in range(0, entities, size)]


def _within(entities: slice, values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return where the values are among some entities."""
    return np.flatnonzero((values >= entities.start) & (values < entities.stop))
