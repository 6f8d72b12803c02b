"""Long documents are split into overlapping windows."""

from itertools import pairwise

import pytest

from atlop.preprocessing.windows import Windowing, split_into_windows, window_spans


def spans(length: int, end_tokens: int = 1) -> list[tuple[int, int]]:
    return window_spans(length, size=512, start_tokens=1, end_tokens=end_tokens)


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_windows_cover_every_token_of_any_length(end_tokens: int) -> None:
    for length in range(1, 3001):
        found = spans(length, end_tokens)
        assert (found[0][0], found[-1][1]) == (0, length)
        for (start, stop), (next_start, next_stop) in pairwise(found):
            assert start < next_start <= stop < next_stop, length


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_windows_with_their_special_tokens_are_of_full_size(end_tokens: int) -> None:
    for length in range(513, 3001):
        found = spans(length, end_tokens)
        for start, stop in found:
            assert (start > 0) + stop - start + end_tokens * (stop < length) == 512, length


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_documents_up_to_the_size_have_one_window(end_tokens: int) -> None:
    assert all(spans(length, end_tokens) == [(0, length)] for length in range(1, 513))


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_there_are_exactly_two_windows_as_published_where_two_are_enough(end_tokens: int) -> None:
    for length in range(513, 1023 - end_tokens + 1):
        assert spans(length, end_tokens) == [(0, 512 - end_tokens), (length - 511, length)]
    assert len(spans(1023 - end_tokens + 1, end_tokens)) == 3


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_further_windows_are_evenly_spaced_and_overlap(end_tokens: int) -> None:
    for length in range(1024 - end_tokens, 3001):
        found = spans(length, end_tokens)
        steps = [after - before for (before, _), (after, _) in pairwise(found)]
        assert max(steps) - min(steps) <= 1, length
        overlaps = [stop - start for (_, stop), (start, _) in pairwise(found)]
        assert min(overlaps) >= 64, length
        assert found[-1] == (length - 511, length)
        assert found[0] == (0, 512 - end_tokens)


def test_tiny_windows_cover_the_document_too() -> None:
    for size in (4, 5, 8):
        for length in range(1, 60):
            found = window_spans(length, size=size, start_tokens=1, end_tokens=2)
            read = {token for start, stop in found for token in range(start, stop)}
            assert read == set(range(length))


def test_special_tokens_are_added_where_a_window_does_not_start_or_end_its_document() -> None:
    found = split_into_windows([23, 5], Windowing(size=10, start=(7,), end=(8, 8)))
    spans = window_spans(23, size=10, start_tokens=1, end_tokens=2)
    assert len(spans) > 2
    assert [(window.first, window.stop) for window in found] == [*spans, (0, 5)]
    assert [window.document for window in found] == [0] * len(spans) + [1]
    for window in found[:-1]:
        assert tuple(window.prefix) == (() if window.first == 0 else (7,))
        assert tuple(window.suffix) == (() if window.stop == 23 else (8, 8))
        assert window.length == len(window.prefix) + window.stop - window.first + len(window.suffix)
    assert (tuple(found[-1].prefix), tuple(found[-1].suffix), found[-1].length) == ((), (), 5)
