"""Long documents are cut into overlapping windows and put together again."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.model import windows
from atlop.model.windows import ROW_EPSILON, Windows, window_spans

PADDING = 99


def spans(length: int, end_pieces: int = 1) -> list[tuple[int, int]]:
    return window_spans(length, size=512, start_pieces=1, end_pieces=end_pieces)


@pytest.mark.parametrize("end_pieces", [1, 2])
def test_windows_cover_every_piece_of_any_length(end_pieces: int) -> None:
    for length in range(1, 3001):
        found = spans(length, end_pieces)
        assert (found[0][0], found[-1][1]) == (0, length)
        for (start, stop), (next_start, next_stop) in pairwise(found):
            assert start < next_start <= stop < next_stop, length


@pytest.mark.parametrize("end_pieces", [1, 2])
def test_windows_with_what_they_borrow_are_of_full_size(end_pieces: int) -> None:
    for length in range(513, 3001):
        found = spans(length, end_pieces)
        for start, stop in found:
            assert (start > 0) + stop - start + end_pieces * (stop < length) == 512, length


@pytest.mark.parametrize("end_pieces", [1, 2])
def test_documents_up_to_the_size_have_one_window(end_pieces: int) -> None:
    assert all(spans(length, end_pieces) == [(0, length)] for length in range(1, 513))


@pytest.mark.parametrize("end_pieces", [1, 2])
def test_there_are_exactly_two_windows_as_published_where_two_are_enough(end_pieces: int) -> None:
    for length in range(513, 1023 - end_pieces + 1):
        assert spans(length, end_pieces) == [(0, 512 - end_pieces), (length - 511, length)]
    assert len(spans(1023 - end_pieces + 1, end_pieces)) == 3


@pytest.mark.parametrize("end_pieces", [1, 2])
def test_further_windows_are_evenly_spaced_and_overlap(end_pieces: int) -> None:
    for length in range(1024 - end_pieces, 3001):
        found = spans(length, end_pieces)
        steps = [after - before for (before, _), (after, _) in pairwise(found)]
        assert max(steps) - min(steps) <= 1, length
        overlaps = [stop - start for (_, stop), (start, _) in pairwise(found)]
        assert min(overlaps) >= 64, length
        assert found[-1] == (length - 511, length)
        assert found[0] == (0, 512 - end_pieces)


def test_tiny_windows_cover_the_document_too() -> None:
    for size in (4, 5, 8):
        for length in range(1, 60):
            found = window_spans(length, size=size, start_pieces=1, end_pieces=2)
            read = {piece for start, stop in found for piece in range(start, stop)}
            assert read == set(range(length))


def cut_example() -> tuple[Windows, Tensor]:
    """Two documents of 23 and 5 pieces, windows of 10 that borrow 7 in front and 8, 8 behind."""
    input_ids = torch.full((2, 23), PADDING)
    input_ids[0] = torch.arange(100, 123)
    input_ids[1, :5] = torch.arange(200, 205)
    return windows.cut(input_ids, lengths=(23, 5), size=10, start=[7], end=[8, 8], padding=PADDING), input_ids


def test_windows_read_their_pieces_and_borrow_start_and_end() -> None:
    cut, input_ids = cut_example()
    places = window_spans(23, size=10, start_pieces=1, end_pieces=2)
    assert len(places) > 2
    assert cut.documents.tolist() == [0] * len(places) + [1]
    for row, (start, stop) in enumerate(places):
        pieces = input_ids[0, start:stop].tolist()
        expected = [7] * (start > 0) + pieces + [8, 8] * (stop < 23)
        assert cut.lengths[row] == len(expected)
        assert cut.input_ids[row].tolist() == expected + [PADDING] * (10 - len(expected))
        own = [-1] * (start > 0) + list(range(start, stop)) + [-1, -1] * (stop < 23)
        assert cut.sources[row].tolist() == own + [-1] * (10 - len(own))
    assert cut.input_ids[-1].tolist() == [200, 201, 202, 203, 204, *[PADDING] * 5]
    assert cut.sources[-1].tolist() == [0, 1, 2, 3, 4, *[-1] * 5]
    assert cut.lengths[-1] == 5


def test_states_are_averaged_over_the_windows_that_read_a_piece() -> None:
    cut, _ = cut_example()
    hidden = torch.randn(*cut.input_ids.shape, 3, generator=torch.Generator().manual_seed(0))
    found = windows.merge_hidden(hidden, cut, documents=2, tokens=23)
    for document, length in enumerate((23, 5)):
        for token in range(23):
            states = [
                hidden[row, column]
                for row in range(len(cut.documents))
                for column in range(10)
                if cut.documents[row] == document and cut.sources[row, column] == token
            ]
            assert bool(states) == (token < length)
            expected = sum(states, torch.zeros(3)) / max(1, len(states))
            torch.testing.assert_close(found[document, token], expected)


POSITIONS = np.array([[0, 6, 8, 15, 22, 7], [4, 0, 2, -1, -1, -1]])
ENTITIES = np.array([[0, 0, 1, 1, 1, 3], [1, 0, 1, -1, -1, -1]])
"""Entity of each mention; the third entity of the first document has none."""


def merged(attention: Tensor) -> Tensor:
    """Merge `[windows, heads, window tokens, window tokens]`, of which the markers' rows are read."""
    cut, _ = cut_example()
    read = windows.readings(cut, positions=POSITIONS, mention_entities=ENTITIES, entities=4, device=torch.device("cpu"))
    index = torch.arange(len(read.rows))[:, None]
    rows = attention.transpose(1, 2)[index, read.rows.clamp(min=0)]  # [windows, slots, heads, window tokens]
    return windows.merge_attention(rows, cut, read, documents=2, mentions=6, entities=4, tokens=23)


def slow_row(attention: Tensor, cut: Windows, *, document: int, position: int) -> Tensor:
    """Attention of one token of one document, `[heads, tokens]`."""
    row = torch.zeros(2, 23)
    for window, sources in enumerate(cut.sources.tolist()):
        if cut.documents[window] != document or position not in sources:
            continue
        for column, source in enumerate(sources):
            if source >= 0:
                row[:, source] += attention[window, :, sources.index(position), column]
    several = (cut.documents == document).sum() > 1
    return row / (row.sum(dim=1, keepdim=True) + ROW_EPSILON) if several else row


def test_attention_is_added_over_windows_renormalised_and_averaged_over_mentions() -> None:
    cut, _ = cut_example()
    attention = torch.rand(len(cut.lengths), 2, 10, 10, generator=torch.Generator().manual_seed(0))
    found = merged(attention)
    assert found.shape == (2, 4, 2, 23)
    for document in range(2):
        for entity in range(4):
            of_entity = POSITIONS[document][ENTITIES[document] == entity].tolist()
            rows = [slow_row(attention, cut, document=document, position=position) for position in of_entity]
            expected = sum(rows, torch.zeros(2, 23)) / max(1, len(rows))
            torch.testing.assert_close(found[document, entity], expected)


def test_some_mentions_of_the_example_lie_in_several_windows_and_some_in_one() -> None:
    cut, _ = cut_example()
    readers = [sum(position in row for row in cut.sources.tolist()[:-1]) for position in POSITIONS[0].tolist()]
    assert {1, 2} <= set(readers)
    assert 0 not in readers


def test_only_documents_of_several_windows_are_renormalised() -> None:
    cut, _ = cut_example()
    found = merged(torch.full((len(cut.lengths), 2, 10, 10), 0.25))
    torch.testing.assert_close(found[0, [0, 1, 3]].sum(dim=-1), torch.ones(3, 2))
    assert found[1, 0, 0].tolist() == [0.25] * 5 + [0.0] * 18


def test_a_row_without_attention_stays_zero() -> None:
    cut, _ = cut_example()
    assert merged(torch.zeros(len(cut.lengths), 2, 10, 10)).abs().max() == 0


def test_windows_without_a_mention_can_be_merged() -> None:
    cut, _ = cut_example()
    nothing = np.full((2, 0), -1)
    read = windows.readings(cut, positions=nothing, mention_entities=nothing, entities=3, device=torch.device("cpu"))
    rows = torch.rand(len(cut.lengths), read.rows.shape[1], 2, 10)
    found = windows.merge_attention(rows, cut, read, documents=2, mentions=0, entities=3, tokens=23)
    assert found.shape == (2, 3, 2, 23)
    assert found.abs().max() == 0
