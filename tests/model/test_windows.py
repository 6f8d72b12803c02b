"""Long documents are cut into overlapping windows and put together again."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.model import windows
from atlop.model.windows import Windows, window_spans

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


def test_every_window_reads_the_positions_that_are_its_own() -> None:
    cut, _ = cut_example()
    for window, (document, sources) in enumerate(zip(cut.documents, cut.sources.tolist(), strict=True)):
        positions = np.array([6, 0, 22, 8, 4, 8, -1]) if document == 0 else np.array([4, 0, -1])
        expected = [
            (number, sources.index(p)) for number, p in enumerate(positions.tolist()) if p >= 0 and p in sources
        ]
        assert cut.read(window, positions).T.tolist() == list(map(list, expected))
        own, first = cut.own(window)
        assert sources[own] == list(range(first, first + own.stop - own.start))
        assert not any(source >= 0 for source in sources[: own.start] + sources[own.stop :])


def test_documents_that_are_short_enough_stay_as_they_are() -> None:
    _, input_ids = cut_example()
    cut = windows.cut(input_ids, lengths=(23, 5), size=23, start=[7], end=[8, 8], padding=PADDING)
    assert cut.input_ids is input_ids
    assert cut.lengths == (23, 5)
    assert [cut.own(window) for window in (0, 1)] == [(slice(0, 23), 0), (slice(0, 5), 0)]
    hidden = torch.randn(2, 23, 3)
    assert windows.merge_hidden(hidden, cut, documents=2, tokens=23) is hidden
