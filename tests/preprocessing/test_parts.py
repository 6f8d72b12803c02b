"""The pairs of a batch in parts: every pair once, and never more than the limits let."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch

from atlop.preprocessing import Batch, Block
from atlop.preprocessing.parts import parts, put, rows_of, take
from tests.golden_values import golden_batch

DOCUMENTS = [2, 6, 3, 0]
LIMITS = [(1, 64, 2048), (1, 3, 7), (1, 1, 5), (1, 1, 1), (4, 64, 2048), (3, 5, 60), (2, 3, 7)]
each_limit = pytest.mark.parametrize(("documents", "entities", "pairs"), LIMITS)


def parts_of(batch: Batch, *, documents: int, entities: int, pairs: int) -> list[list[Block]]:
    return list(parts(batch, documents=documents, entities=entities, pairs=pairs, context=2**22))


def pairs_of(block: Block, batch: Batch) -> Iterable[tuple[int, int, int]]:
    """Document, subject and object of a block's pairs, from their cells."""
    subjects, objects = range(1000)[block.subjects], range(1000)[block.objects]
    cells = block.cells(take(batch.pairs, block.rows), entities=batch.mention_cells.shape[1]).tolist()
    for cell in cells:
        document, cell_of_document = divmod(cell, len(subjects) * len(objects))
        subject, object_ = divmod(cell_of_document, len(objects))
        yield block.documents.start + document, subjects[subject], objects[object_]


@pytest.mark.parametrize("shuffled", [False, True])
@each_limit
def test_every_pair_is_in_one_part(documents: int, entities: int, pairs: int, shuffled: bool) -> None:
    batch = golden_batch("bert", DOCUMENTS)
    if shuffled:  # as corpora that list their pairs do
        batch = with_listed_pairs(batch)
    expected = [(row, *pair) for row, of in enumerate(batch.document_pairs) for pair in of.tolist()]
    rows: list[int] = []
    for blocks in parts_of(batch, documents=documents, entities=entities, pairs=pairs):
        found = np.arange(len(batch.pairs))[rows_of(blocks)].tolist()
        of_blocks = [pair for block in blocks for pair in pairs_of(block, batch)]
        assert of_blocks == [expected[row] for row in found]
        assert len(found) == sum(block.count for block in blocks)
        assert 0 < len(found) <= pairs or len(blocks) == 1
        for block in blocks:
            size = block.documents.stop - block.documents.start
            assert size <= documents
            assert block.count <= pairs * size
            assert max(block.objects.stop - block.objects.start, block.subjects.stop - block.subjects.start) <= entities
        rows += found
    assert sorted(rows) == list(range(len(expected)))


def with_listed_pairs(batch: Batch) -> Batch:
    generator = np.random.default_rng(0)
    listed = tuple(generator.permutation(of_document)[::2] for of_document in batch.document_pairs)
    entities = batch.mention_cells.shape[1]
    pairs = np.concatenate([of_document + row * entities for row, of_document in enumerate(listed)])
    return replace(batch, document_pairs=listed, pairs=torch.from_numpy(pairs).int())


def test_a_long_document_is_taken_in_smaller_blocks() -> None:
    batch = golden_batch("bert", [3])
    for blocks in parts(batch, documents=1, entities=64, pairs=2048, context=20 * max(batch.lengths)):
        for block in blocks:
            assert block.count <= 20


def test_a_batch_without_pairs_is_one_empty_part() -> None:
    batch = golden_batch("bert", [0])
    none = replace(batch, document_pairs=(np.empty((0, 2), dtype=np.int32),), pairs=batch.pairs[:0])
    assert parts_of(none, documents=1, entities=64, pairs=2048) == [[]]
    assert rows_of([]) == slice(0, 0)


@pytest.mark.parametrize("rows", [slice(2, 5), np.array([4, 0, 3])])
def test_rows_that_are_put_are_those_that_are_taken(rows: slice) -> None:
    found = torch.randn(3, 2)
    whole = put(None, found, rows, count=6)
    assert whole.shape == (6, 2)
    assert torch.equal(take(whole, rows), found)
    assert put(None, found, slice(0, 3), count=3) is found
