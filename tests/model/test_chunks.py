"""The pairs of a batch are scored in chunks, and what they score does not depend on them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from atlop.model import chunks, reader
from atlop.preprocessing import Batch
from tests.golden_values import assert_gradients_equal, golden_batch, golden_model, gradients

DOCUMENTS = [2, 6, 3, 0]


def cut_small(monkeypatch: pytest.MonkeyPatch, *, pairs: int, entities: int) -> None:
    monkeypatch.setattr(chunks, "PAIRS_AT_ONCE", pairs)
    for module in (chunks, reader):
        monkeypatch.setattr(module, "ENTITIES_AT_ONCE", entities)


def entities_of(block: chunks.Block) -> Iterable[tuple[int, int]]:
    """Subject and object of a block's pairs, from their places."""
    subjects, objects = range(1000)[block.subjects], range(1000)[block.objects]
    return [(subjects[place // len(objects)], objects[place % len(objects)]) for place in block.places.tolist()]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("pairs", "entities"), [(2048, 64), (7, 3), (5, 1), (1, 1)])
def test_every_pair_is_in_one_chunk(pairs: int, entities: int, shuffled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch, pairs=pairs, entities=entities)
    batch = golden_batch("bert", DOCUMENTS)
    if shuffled:  # as corpora that list their pairs do
        generator = np.random.default_rng(0)
        batch = with_pairs(batch, [generator.permutation(of_document)[::2] for of_document in batch.document_pairs])
    rows = []
    for chunk in chunks.chunks(batch):
        assert 0 < len(chunk.rows) <= pairs
        assert chunk.rows.tolist() == [row for block in chunk.blocks for row in block.rows.tolist()]
        for block in chunk.blocks:
            first = sum(map(len, batch.document_pairs[: block.document]))
            assert block.objects.stop - block.objects.start <= entities
            assert list(entities_of(block)) == [
                tuple(pair) for pair in batch.document_pairs[block.document][block.rows - first].tolist()
            ]
        rows += chunk.rows.tolist()
    assert sorted(rows) == list(range(sum(map(len, batch.document_pairs))))


def with_pairs(batch: Batch, pairs: Sequence[NDArray[Any]]) -> Batch:
    return replace(batch, document_pairs=tuple(pairs))


def test_a_batch_without_pairs_is_one_empty_chunk() -> None:
    batch = with_pairs(golden_batch("bert", [0]), [np.empty((0, 2), dtype=np.int32)])
    [chunk] = chunks.chunks(batch)
    assert chunk.blocks == ()
    assert len(chunk.rows) == len(chunk.places) == 0


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("pairs", "entities"), [(50, 5), (7, 3), (1, 1)])
def test_scores_and_gradients_do_not_depend_on_chunks(
    pairs: int, entities: int, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = golden_model("bert").train(training), golden_batch("bert", DOCUMENTS)
    expected = model(batch).scores
    expected.square().mean().backward()
    gradients_of_all = gradients(model)
    model.zero_grad()
    cut_small(monkeypatch, pairs=pairs, entities=entities)
    found = model(batch).scores
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert_gradients_equal(gradients(model), gradients_of_all)
