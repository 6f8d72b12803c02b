"""The attention of entities, merged from windows, against the attention of all tokens."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.model import EntityAttention, context
from atlop.model.context import ROW_EPSILON
from atlop.model.encoder import _packed_rows, _padded_rows, document_states
from atlop.ops import Limits, QueryKey, limits
from atlop.preprocessing import Batch, DocumentGroup, Features, Windowing, collate
from atlop.preprocessing.pairs import ordered_pairs
from tests.golden_values import (
    assert_gradients_equal,
    golden_batch,
    golden_model,
    golden_preprocessed,
    golden_windowing,
    gradients,
    score,
)
from tests.tiny_encoders import save_tiny_encoder, tiny_model

HEADS = 2
MENTIONS = (
    [(0, 0), (0, 6), (1, 8), (1, 15), (1, 22), (3, 7)],
    [(0, 4), (1, 0), (1, 2), (1, 2)],
    [(0, 3)],
)
"""Entity and position of the mentions of three documents of 23, 5 and 4 tokens; one mention is listed twice, and the
third entity of the first document has none."""
WINDOWING = Windowing(size=10, start=(7,), end=(8, 8))
SMALL = replace(limits.CPU, entities=1)
each_division = pytest.mark.parametrize("documents", [1, 3])


def example(*mentions: list[tuple[int, int]]) -> Batch:
    documents = [
        Features(
            index=0,
            title="",
            input_ids=np.arange(length, dtype=np.int32),
            mention_positions=np.array([position for _, position in values], dtype=np.int32),
            mention_entities=np.array([entity for entity, _ in values], dtype=np.int32),
            entity_types=np.zeros(4, dtype=np.int32),
            token_sentences=np.zeros(length, dtype=np.int32),
            entities=4,
            pairs=np.empty((0, 2), dtype=np.int32),
            labels=np.empty((0, 2), dtype=np.int32),
            evidence=np.empty((0, 2), dtype=np.int32),
            truncated_mentions=0,
            unreachable_entities=0,
            unreachable_facts=0,
            unknown_facts=0,
        )
        for length, values in zip((23, 5, 4), mentions, strict=True)
    ]
    return collate(documents, windowing=WINDOWING)


def use(monkeypatch: pytest.MonkeyPatch, chosen: Limits) -> None:
    monkeypatch.setattr(context, "limits_for", lambda _: chosen)


def entity_rows(
    attention: Tensor, *mentions: list[tuple[int, int]], documents: int = 1, entities: slice = slice(0, 4)
) -> list[Tensor]:
    """Attention of some entities of each document, `[entities, heads, tokens]`; `documents` are computed at a time."""
    batch = example(*mentions)
    found = []
    for first in range(0, 3, documents):
        group = DocumentGroup(batch, slice(first, first + documents))
        rows = EntityAttention(partial(_padded_rows, attention), group, training=False).rows(entities)
        for row, values in enumerate(rows.unflatten(0, (documents, -1))):
            length = batch.lengths[first + row]
            assert not values[length:].any()
            found.append(values[:length].permute(2, 1, 0))
    return found


def random_attention() -> Tensor:
    windows = len(example(*MENTIONS).window_lengths)
    return torch.rand(windows, HEADS, 10, 10, generator=torch.Generator().manual_seed(0))


def windows_with(batch: Batch, *, document: int, position: int) -> list[tuple[int, dict[int, int]]]:
    """The windows that contain a position, each with the column of every position in it."""
    found = []
    for window in range(batch.first_windows[document], batch.first_windows[document + 1]):
        start, stop = batch.window_boundaries[window : window + 2]
        indices = batch.padded_document_indices[start:stop].tolist()
        first, past_end = document * batch.padded_length, 3 * batch.padded_length
        columns = {index - first: column for column, index in enumerate(indices) if index != past_end}
        if position in columns:
            found.append((window, columns))
    return found


def slow_row(attention: Tensor, *, document: int, position: int) -> Tensor:
    """Attention of one token of one document, `[heads, tokens]`."""
    batch = example(*MENTIONS)
    row = torch.zeros(HEADS, batch.lengths[document])
    for window, columns in windows_with(batch, document=document, position=position):
        for token, column in columns.items():
            row[:, token] += attention[window, :, columns[position], column]
    several = batch.first_windows[document + 1] - batch.first_windows[document] > 1
    return row / (row.sum(dim=1, keepdim=True) + ROW_EPSILON) if several else row


@each_division
@pytest.mark.parametrize("chosen", [limits.CPU, SMALL], ids=["all entities", "one by one"])
def test_attention_is_added_over_windows_renormalised_and_averaged_over_mentions(
    documents: int, chosen: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, chosen)
    attention = random_attention()
    for document, rows in enumerate(entity_rows(attention, *MENTIONS, documents=documents)):
        assert rows.dtype == torch.float32
        for entity in range(4):
            positions = [position for owner, position in MENTIONS[document] if owner == entity]
            slow = [slow_row(attention, document=document, position=position) for position in positions]
            expected = sum(slow, torch.zeros(HEADS, rows.shape[2])) / max(1, len(slow))
            torch.testing.assert_close(rows[entity], expected)


def test_some_mentions_of_the_example_are_in_several_windows_and_some_in_one() -> None:
    batch = example(*MENTIONS)
    counts = [len(windows_with(batch, document=0, position=position)) for _, position in MENTIONS[0]]
    assert {1, 2} <= set(counts)
    assert 0 not in counts


@each_division
def test_only_documents_of_several_windows_are_renormalised(documents: int) -> None:
    whole = torch.full_like(random_attention(), 0.25)
    long, short, _ = entity_rows(whole, *MENTIONS, documents=documents)
    torch.testing.assert_close(long[[0, 1, 3]].sum(dim=-1), torch.ones(3, HEADS))
    assert short[0, 0].tolist() == [0.25] * 5


@each_division
def test_a_row_without_attention_stays_zero(documents: int) -> None:
    for rows in entity_rows(torch.zeros_like(random_attention()), *MENTIONS, documents=documents):
        assert rows.abs().max() == 0


@each_division
def test_documents_without_a_mention_can_be_read(documents: int) -> None:
    for rows, length in zip(entity_rows(random_attention(), [], [], [], documents=documents), (23, 5, 4), strict=True):
        assert rows.shape == (4, HEADS, length)
        assert rows.abs().max() == 0


@each_division
def test_rows_of_some_entities_are_those_of_all(documents: int, monkeypatch: pytest.MonkeyPatch) -> None:
    attention = random_attention()
    whole = entity_rows(attention, *MENTIONS, documents=documents)
    use(monkeypatch, SMALL)
    halves = [entity_rows(attention, *MENTIONS, documents=documents, entities=slice(e, e + 2)) for e in (0, 2)]
    for expected, *found in zip(whole, *halves, strict=True):
        torch.testing.assert_close(torch.cat(found), expected)


def test_gradients_are_those_of_finite_differences() -> None:
    attention = random_attention().double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda attention: tuple(entity_rows(attention, *MENTIONS)), (attention,), fast_mode=True
    )


def under_dropout(monkeypatch: pytest.MonkeyPatch, *, training: bool) -> EntityAttention:
    """The attention of the second document, which has more entities than the limit."""
    use(monkeypatch, SMALL)
    batch = example(*MENTIONS)
    states = torch.randn(2, HEADS, len(batch.input_ids), 3, generator=torch.Generator().manual_seed(0))
    layer = QueryKey(states[0], states[1], scaling=0.5, dropout=0.5 * training)
    return EntityAttention(partial(_packed_rows, layer), DocumentGroup(batch, slice(1, 2)), training=training)


def test_in_training_dropout_is_drawn_once_for_each_mention(monkeypatch: pytest.MonkeyPatch) -> None:
    found = under_dropout(monkeypatch, training=True)
    rows = found.rows(slice(0, 2))
    assert 0 < (rows[..., 0] == 0).sum() < rows[..., 0].numel()
    assert torch.equal(torch.cat([found.rows(slice(0, 1)), found.rows(slice(1, 2))], dim=2), rows)
    whole = under_dropout(monkeypatch, training=False).rows(slice(0, 1))
    torch.testing.assert_close(rows[..., :1], torch.where(rows[..., :1] == 0, 0.0, 2 * whole))


def test_states_are_averaged_over_the_windows_that_contain_a_token() -> None:
    batch = example(*MENTIONS)
    hidden = torch.randn(len(batch.input_ids), 3, generator=torch.Generator().manual_seed(0))
    found = document_states(hidden, batch)
    for index in range(3 * batch.padded_length):
        states = hidden[batch.padded_document_indices == index]
        document, token = divmod(index, batch.padded_length)
        assert bool(len(states)) == (token < batch.lengths[document])
        expected = states.mean(dim=0) if len(states) else torch.zeros(3)
        torch.testing.assert_close(found[document, token], expected)


DIVISIONS = {
    "all at once": (limits.GPU, [2, 6, 3, 0]),
    "some pairs": (replace(limits.CPU, pairs=50, entities=5), [2, 6, 3, 0]),
    "few pairs": (replace(limits.CPU, pairs=7, entities=3), [6, 0]),
    "pair by pair": (replace(limits.CPU, pairs=1, entities=1, products=1), [6, 0]),
    "some documents": (replace(limits.CPU, documents=2, pairs=20, groups=3, products=16 * 16 * 30), [6, 0, 7]),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("chosen", "documents"), DIVISIONS.values(), ids=DIVISIONS)
def test_scores_and_gradients_do_not_depend_on_the_limits(
    chosen: Limits, documents: list[int], training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = golden_model("bert").train(training), golden_batch("bert", documents)
    expected = score(model, batch)
    expected.square().mean().backward()
    expected_gradients = gradients(model)
    model.zero_grad()
    for module in ("context", "atlop"):
        monkeypatch.setattr(f"atlop.model.{module}.limits_for", lambda _: chosen)
    monkeypatch.setattr("atlop.ops.bilinear.limits_for", lambda _: chosen)
    found = score(model, batch)
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert_gradients_equal(gradients(model), expected_gradients)


def test_dropout_does_not_depend_on_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, dropout=0.3), documents=[6, 0])
    model.train()
    found = []
    for chosen in (limits.CPU, replace(limits.CPU, pairs=7, entities=3)):
        for module in ("context", "atlop"):
            monkeypatch.setattr(f"atlop.model.{module}.limits_for", lambda _, chosen=chosen: chosen)
        torch.manual_seed(0)
        found.append(score(model, batch))
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=0)


def test_a_listed_document_in_blocks_between_small_ones_scores_as_it_does_alone() -> None:
    model, [small, *_] = golden_model("bert"), golden_preprocessed("bert")
    entities = 70
    pairs = np.random.default_rng(0).permutation(ordered_pairs(entities))[:900]
    marked = np.random.default_rng(1).integers(1, 200, entities).astype(np.int32)
    large = replace(
        golden_preprocessed("bert")[2],
        mention_positions=np.sort(marked),
        mention_entities=np.arange(entities, dtype=np.int32),
        entity_types=np.zeros(entities, dtype=np.int32),
        entities=entities,
        pairs=pairs,
        labels=np.empty((0, 2), dtype=np.int32),
        evidence=np.empty((0, 2), dtype=np.int32),
    )
    documents = [small, large, small]
    with torch.no_grad():
        together = score(model, batch := model.collate(documents)).split(batch.pair_counts)
        for found, document in zip(together, documents, strict=True):
            torch.testing.assert_close(found, score(model, model.collate([document])), atol=1e-5, rtol=0)


def test_a_group_of_some_documents_is_padded_like_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, documents = golden_model("bert"), golden_preprocessed("bert")
    batch = collate([documents[index] for index in (0, 6, 5)], windowing=replace(golden_windowing("bert"), size=64))
    expected = score(model, batch)
    for module in ("context", "atlop"):
        monkeypatch.setattr(f"atlop.model.{module}.limits_for", lambda _: replace(limits.CPU, documents=2))
    torch.testing.assert_close(score(model, batch), expected, atol=1e-5, rtol=0)
