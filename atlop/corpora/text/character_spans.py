"""Character spans out of JSON: of mentions and of words, checked against the text that they are of."""

from bisect import bisect_left, bisect_right
from typing import Any, TypeAlias

from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, integers
from atlop.schema import Span

Offsets: TypeAlias = tuple[tuple[Span, ...], ...]
"""Characters of each word of each sentence."""


def parse_spans(values: list[Any], *, text: str, where: str) -> tuple[Span, ...]:
    """Return the characters of one mention.

    Args:
        values: `[start, end]` each, in the order of the text.
        text: The text.
        where: The mention, for messages.

    Raises:
        AtlopError: There is none, or one is empty, goes beyond the text or overlaps the one before.
    """
    if not values:
        raise AtlopError(f'{where}, "spans": is empty; expected at least one [start, end]')
    spans: list[Span] = []
    for index, value in enumerate(values):
        place = f"{where}, span {index}"
        span = parse_span(expect(value, list, where=place), text=text, where=place)
        if spans and span[0] < spans[-1][1]:
            raise AtlopError(
                f"{place}: starts at character {span[0]}, before span {index - 1} ends ({spans[-1][1]}); "
                "expected spans in the order of the text that do not overlap"
            )
        spans.append(span)
    return tuple(spans)


def parse_span(value: list[Any], *, text: str, where: str) -> Span:
    """Return one stretch of characters.

    Raises:
        AtlopError: It is not `[start, end]`, empty, or beyond the text.
    """
    if len(value) != 2:
        raise AtlopError(f"{where}: expected [start, end] in characters, found {abbreviated(value)}")
    start, end = integers(value, where=where)
    _check_characters(start, end, text=text, where=where)
    return start, end


def parse_words(value: list[Any], *, text: str, where: str) -> Offsets:
    """Return the words that a document lists.

    Args:
        value: A list of sentences, each a list of `[start, end]`.
        text: The text.
        where: The document, for messages.

    Raises:
        AtlopError: A word is malformed, empty, beyond the text, or starts before the one before it ends.
    """
    sentences: list[tuple[Span, ...]] = []
    reached = 0
    for number, sentence in enumerate(value):
        words: list[Span] = []
        for word in expect(sentence, list, where=f"{where}, sentence {number}"):
            if not (_is_pair(word) and reached <= word[0] < word[1] <= len(text)):
                raise _word_problem(word, reached, text=text, where=f"{where}, sentence {number}, word {len(words)}")
            start, reached = word
            words.append((start, reached))
        sentences.append(tuple(words))
    return tuple(sentences)


class ListedWords:
    """The words that a document lists, to hold its mentions against."""

    def __init__(self, offsets: Offsets) -> None:
        self._words = [word for words in offsets for word in words]
        self._sentences = [number for number, words in enumerate(offsets) for _ in words]

    def check_mention(self, spans: tuple[Span, ...], *, where: str) -> None:
        """Make sure that a mention consists of whole words of one sentence.

        Raises:
            AtlopError: It starts or ends inside a word, holds none, or goes over the end of a sentence.
        """
        for start, end in spans:
            self._check_boundary(start, verb="starts", where=where)
            self._check_boundary(end, verb="ends", where=where)
        first = bisect_right(self._words, spans[0][0], key=lambda word: word[1])
        last = bisect_left(self._words, spans[-1][1], key=lambda word: word[0]) - 1
        if first > last:
            raise AtlopError(
                f'{where}: "words" has no word at characters {spans[0][0]} to {spans[-1][1]}; list the words there too'
            )
        if self._sentences[first] != self._sentences[last]:
            raise AtlopError(
                f"{where}: goes from sentence {self._sentences[first]} to sentence {self._sentences[last]}; "
                "expected a mention within one sentence"
            )

    def _check_boundary(self, character: int, *, verb: str, where: str) -> None:
        index = bisect_right(self._words, character, key=lambda word: word[0]) - 1
        if index >= 0 and self._words[index][0] < character < self._words[index][1]:
            start, end = self._words[index]
            raise AtlopError(
                f"{where}: {verb} at character {character}, inside the word at {start} to {end}; cut the word there, "
                'or leave "words" out'
            )


def _is_pair(value: object) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) is int and type(value[1]) is int


def _word_problem(value: object, reached: int, *, text: str, where: str) -> AtlopError:
    """Return what is wrong with a word, given where the word before it ends."""
    if not _is_pair(value):
        return AtlopError(f"{where}: expected [start, end] in characters, found {abbreviated(value)}")
    assert isinstance(value, list)
    start, end = value
    try:
        _check_characters(start, end, text=text, where=where)
    except AtlopError as problem:
        return problem
    return AtlopError(
        f"{where}: starts at character {start}, before the word before it ends ({reached}); "
        "expected words in the order of the text that do not overlap"
    )


def _check_characters(start: int, end: int, *, text: str, where: str) -> None:
    if start < 0:
        raise AtlopError(f"{where}: starts at character {start}; characters count from 0")
    if end <= start:
        raise AtlopError(
            f"{where}: starts at character {start} and ends at character {end}, so it holds none; "
            "the end is one past the last character"
        )
    if end > len(text):
        raise AtlopError(f"{where}: ends at character {end}, but the text has {len(text)} characters")
