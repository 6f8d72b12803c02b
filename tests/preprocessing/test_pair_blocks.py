"""The pairs of a batch in chunks: every pair once, and never more than the limits allow."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch

from atlop.preprocessing import Batch, PairBlock
from atlop.preprocessing.pair_blocks import chunk_rows, gather_rows, pair_chunks, scatter_rows
from tests.golden_values import golden_batch

DOCUMENTS = [2, 6, 3, 0]
LIMITS = [(1, 64, 2048), (1, 3, 7), (1, 1, 5), (1, 1, 1), (4, 64, 2048), (3, 5, 60), (2, 3, 7)]
each_limit = pytest.mark.parametrize(("documents", "entities", "pairs"), LIMITS)


def chunks_of(batch: Batch, *, documents: int, entities: int, pairs: int) -> list[list[PairBlock]]:
    return list(pair_chunks(batch, max_documents=documents, max_entities=entities, max_pairs=pairs, max_context=2**22))


def pairs_of(block: PairBlock, batch: Batch) -> Iterable[tuple[int, int, int]]:
    """Document, subject and object of a block's pairs, from their indices."""
    subjects, objects = range(1000)[block.subjects], range(1000)[block.objects]
    indices = block.context_indices(
        gather_rows(batch.pairs, block.rows), entities=batch.mention_indices.shape[1]
    ).tolist()
    for index in indices:
        document, remainder = divmod(index, len(subjects) * len(objects))
        subject, object_ = divmod(remainder, len(objects))
        yield block.documents.start + document, subjects[subject], objects[object_]


@pytest.mark.parametrize("shuffled", [False, True])
@each_limit
def test_every_pair_is_in_one_chunk(documents: int, entities: int, pairs: int, shuffled: bool) -> None:
    batch = golden_batch("bert", DOCUMENTS)
    if shuffled:  # as corpora that list their pairs do
        batch = with_listed_pairs(batch)
    expected = [(row, *pair) for row, pairs_ in enumerate(batch.document_pairs) for pair in pairs_.tolist()]
    rows: list[int] = []
    for blocks in chunks_of(batch, documents=documents, entities=entities, pairs=pairs):
        found = np.arange(len(batch.pairs))[chunk_rows(blocks)].tolist()
        assert [pair for block in blocks for pair in pairs_of(block, batch)] == [expected[row] for row in found]
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
    listed = tuple(generator.permutation(pairs)[::2] for pairs in batch.document_pairs)
    entities = batch.mention_indices.shape[1]
    pairs = np.concatenate([pairs + row * entities for row, pairs in enumerate(listed)])
    return replace(batch, document_pairs=listed, pairs=torch.from_numpy(pairs).int())


def test_a_long_document_is_split_into_smaller_blocks() -> None:
    batch = golden_batch("bert", [3])
    for blocks in pair_chunks(
        batch, max_documents=1, max_entities=64, max_pairs=2048, max_context=20 * max(batch.lengths)
    ):
        for block in blocks:
            assert block.count <= 20


def test_a_batch_without_pairs_is_one_empty_chunk() -> None:
    batch = golden_batch("bert", [0])
    none = replace(batch, document_pairs=(np.empty((0, 2), dtype=np.int32),), pairs=batch.pairs[:0])
    assert chunks_of(none, documents=1, entities=64, pairs=2048) == [[]]
    assert chunk_rows([]) == slice(0, 0)


@pytest.mark.parametrize("rows", [slice(2, 5), np.array([4, 0, 3])])
def test_scattered_rows_can_be_gathered(rows: slice) -> None:
    values = torch.randn(3, 2)
    target = scatter_rows(None, values, rows, count=6)
    assert target.shape == (6, 2)
    assert torch.equal(gather_rows(target, rows), values)
    assert scatter_rows(None, values, slice(0, 3), count=3) is values
