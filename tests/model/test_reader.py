"""The attention of entities, read from windows when it is asked for, against the attention of all tokens."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.model import AttentionReader, reader, windows
from atlop.model.attention import LastLayer
from atlop.model.reader import ROW_EPSILON, readers
from atlop.model.windows import Windows
from atlop.preprocessing import Batch, Features, collate
from tests.golden_values import golden_batch, golden_model

HEADS = 2
MENTIONS = (
    [(0, 0), (0, 6), (1, 8), (1, 15), (1, 22), (3, 7)],
    [(0, 4), (1, 0), (1, 2), (1, 2)],
    [(0, 3)],
)
"""Entity and position of the mentions of three documents of 23, 5 and 4 pieces; one mention is listed twice, and the
third entity of the first document has none."""


def example(*mentions: list[tuple[int, int]]) -> tuple[Batch, Windows]:
    """The documents and their windows of 10 pieces."""
    documents = [
        Features(
            index=0,
            title="",
            input_ids=np.arange(length, dtype=np.int32),
            mention_positions=np.array([position for _, position in of_document], dtype=np.int32),
            mention_entities=np.array([entity for entity, _ in of_document], dtype=np.int32),
            entities=4,
            pairs=np.empty((0, 2), dtype=np.int32),
            labels=np.empty((0, 2), dtype=np.int32),
            lost_mentions=0,
            lost_entities=0,
            lost_facts=0,
            unknown_facts=0,
        )
        for length, of_document in zip((23, 5, 4), mentions, strict=True)
    ]
    batch = collate(documents, padding=99)
    cut = windows.cut(batch.input_ids, lengths=batch.lengths, size=10, start=[7], end=[8, 8], padding=99)
    return batch, cut


def readers_of(attention: Tensor, *mentions: list[tuple[int, int]], training: bool = False) -> list[AttentionReader]:
    """Read `[windows, heads, window tokens, window tokens]`."""
    batch, cut = example(*mentions)
    return readers(batch, cut, [partial(torch.index_select, each, 1) for each in attention], training=training)


def random_attention() -> Tensor:
    _, cut = example(*MENTIONS)
    return torch.rand(len(cut.lengths), HEADS, 10, 10, generator=torch.Generator().manual_seed(0))


def slow_row(attention: Tensor, *, document: int, position: int) -> Tensor:
    """Attention of one token of one document, `[heads, tokens]`."""
    batch, cut = example(*MENTIONS)
    row = torch.zeros(HEADS, batch.lengths[document])
    for window, sources in enumerate(cut.sources.tolist()):
        if cut.documents[window] != document or position not in sources:
            continue
        for column, source in enumerate(sources):
            if source >= 0:
                row[:, source] += attention[window, :, sources.index(position), column]
    several = (cut.documents == document).sum() > 1
    return row / (row.sum(dim=1, keepdim=True) + ROW_EPSILON) if several else row


@pytest.mark.parametrize("entities_at_once", [64, 1])
def test_attention_is_added_over_windows_renormalised_and_averaged_over_mentions(
    entities_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "ENTITIES_AT_ONCE", entities_at_once)
    attention = random_attention()
    for document, found in enumerate(readers_of(attention, *MENTIONS)):
        rows = found.rows(slice(0, 4))
        assert rows.dtype == torch.float32
        for entity in range(4):
            positions = [position for owner, position in MENTIONS[document] if owner == entity]
            slow = [slow_row(attention, document=document, position=position) for position in positions]
            expected = sum(slow, torch.zeros(HEADS, found.tokens)) / max(1, len(slow))
            torch.testing.assert_close(rows[entity], expected)


def test_some_mentions_of_the_example_lie_in_several_windows_and_some_in_one() -> None:
    _, cut = example(*MENTIONS)
    of_windows = [sum(position in row for row in cut.sources.tolist()[:-2]) for _, position in MENTIONS[0]]
    assert {1, 2} <= set(of_windows)
    assert 0 not in of_windows


def test_only_documents_of_several_windows_are_renormalised() -> None:
    long, short, _ = readers_of(torch.full((len(random_attention()), HEADS, 10, 10), 0.25), *MENTIONS)
    torch.testing.assert_close(long.rows(slice(0, 4))[[0, 1, 3]].sum(dim=-1), torch.ones(3, HEADS))
    assert short.rows(slice(0, 1))[0, 0].tolist() == [0.25] * 5


def test_a_row_without_attention_stays_zero() -> None:
    for found in readers_of(torch.zeros_like(random_attention()), *MENTIONS):
        assert found.rows(slice(0, 4)).abs().max() == 0


def test_documents_without_a_mention_can_be_read() -> None:
    for found in readers_of(random_attention(), [], [], []):
        rows = found.rows(slice(0, 4))
        assert rows.shape == (4, HEADS, found.tokens)
        assert rows.abs().max() == 0


@pytest.mark.parametrize("documents", [[0, 6], [3, 0], [5]], ids=["one window", "two windows", "beyond the cut"])
def test_rows_in_parts_are_those_of_all_entities(documents: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = golden_model("bert"), golden_batch("bert", documents)
    with torch.no_grad():
        found = model.pool(batch).attention
        assert found is not None
        whole = [each.rows(slice(0, entities)) for each, entities in zip(found, batch.entities, strict=True)]
        monkeypatch.setattr(reader, "ENTITIES_AT_ONCE", 1)
        for each, expected in zip(found, whole, strict=True):
            parts = [each.rows(slice(first, min(first + 3, len(expected)))) for first in range(0, len(expected), 3)]
            torch.testing.assert_close(torch.cat(parts), expected)


def test_gradients_are_those_of_finite_differences() -> None:
    attention = random_attention().double().requires_grad_()

    def read(attention: Tensor) -> tuple[Tensor, ...]:
        return tuple(each.rows(slice(0, 3)) for each in readers_of(attention, *MENTIONS))

    assert torch.autograd.gradcheck(read, (attention,))


def read_under_dropout(monkeypatch: pytest.MonkeyPatch, *, training: bool) -> AttentionReader:
    """A reader of the second document, whose entities are more than are read at once."""
    monkeypatch.setattr(reader, "ENTITIES_AT_ONCE", 1)
    states = torch.randn(2, HEADS, 5, 3, generator=torch.Generator().manual_seed(0))
    batch, cut = example(*MENTIONS)
    [rows] = LastLayer(states[0], states[1], scaling=0.5, dropout=0.5 * training).rows_of_inputs([5])
    return readers(batch, cut, [rows] * len(cut.lengths), training=training)[1]


def test_in_training_dropout_is_drawn_once_for_each_mention(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_under_dropout(monkeypatch, training=True)
    rows = found.rows(slice(0, 2))
    assert 0 < (rows[0] == 0).sum() < rows[0].numel()
    assert torch.equal(torch.cat([found.rows(slice(0, 1)), found.rows(slice(1, 2))]), rows)
    whole = read_under_dropout(monkeypatch, training=False).rows(slice(0, 1))
    torch.testing.assert_close(rows[:1], torch.where(rows[:1] == 0, 0.0, 2 * whole))
