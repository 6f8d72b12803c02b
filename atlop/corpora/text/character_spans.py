"""Parse character spans of mentions and words from JSON, and check them against the text."""

from bisect import bisect_left, bisect_right
from typing import Any, TypeAlias

from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, integers
from atlop.schema import Span

Offsets: TypeAlias = tuple[tuple[Span, ...], ...]
"""Character span of each word of each sentence."""


def mention_text(spans: tuple[Span, ...], *, text: str) -> str:
    """Return the text of a mention; several spans are joined by a space."""
    return " ".join(text[start:end] for start, end in spans)


def parse_spans(values: list[Any], *, text: str, where: str) -> tuple[Span, ...]:
    """Parse the spans of a mention: a list of `[start, end]` in the order of the text.

    Raises:
        AtlopError: There are none, or one is empty, exceeds the text or overlaps the previous one.
    """
    if not values:
        raise AtlopError(f'{where}, "spans": is empty; expected at least one [start, end]')
    spans: list[Span] = []
    for index, value in enumerate(values):
        location = f"{where}, span {index}"
        span = parse_span(expect(value, list, where=location), text=text, where=location)
        if spans and span[0] < spans[-1][1]:
            raise AtlopError(
                f"{location}: starts at character {span[0]}, before span {index - 1} ends ({spans[-1][1]}); "
                "expected spans in the order of the text that do not overlap"
            )
        spans.append(span)
    return tuple(spans)


def parse_span(value: list[Any], *, text: str, where: str) -> Span:
    """Parse a span, `[start, end]`.

    Raises:
        AtlopError: It is not `[start, end]`, is empty, or exceeds the text.
    """
    if len(value) != 2:
        raise AtlopError(f"{where}: expected [start, end] in characters, found {abbreviated(value)}")
    start, end = integers(value, where=where)
    _check_characters(start, end, text=text, where=where)
    return start, end


def parse_words(value: list[Any], *, text: str, where: str) -> Offsets:
    """Parse the words of a document: a list of sentences, each a list of `[start, end]`.

    Raises:
        AtlopError: A word is malformed, is empty, exceeds the text, or overlaps the previous one.
    """
    sentences: list[tuple[Span, ...]] = []
    previous_end = 0
    for number, sentence in enumerate(value):
        words: list[Span] = []
        for word in expect(sentence, list, where=f"{where}, sentence {number}"):
            if not (_is_pair(word) and previous_end <= word[0] < word[1] <= len(text)):
                location = f"{where}, sentence {number}, word {len(words)}"
                if not _is_pair(word):
                    raise AtlopError(f"{location}: expected [start, end] in characters, found {abbreviated(word)}")
                _check_characters(*word, text=text, where=location)
                raise AtlopError(
                    f"{location}: starts at character {word[0]}, before the previous word ends ({previous_end}); "
                    "expected words in the order of the text that do not overlap"
                )
            start, previous_end = word
            words.append((start, previous_end))
        sentences.append(tuple(words))
    return tuple(sentences)


class ListedWords:
    """The words that a document lists, for checking its mentions."""

    def __init__(self, offsets: Offsets) -> None:
        self._words = [word for words in offsets for word in words]
        self._sentences = [number for number, words in enumerate(offsets) for _ in words]

    def check_mention(self, spans: tuple[Span, ...], *, where: str) -> None:
        """Check that a mention consists of complete words of one sentence.

        Raises:
            AtlopError: It starts or ends inside a word, has no words, or crosses the end of a sentence.
        """
        for start, end in spans:
            self._check_boundary(start, verb="starts", where=where)
            self._check_boundary(end, verb="ends", where=where)
        first = bisect_right(self._words, spans[0][0], key=lambda word: word[1])
        last = bisect_left(self._words, spans[-1][1], key=lambda word: word[0]) - 1
        if first > last:
            raise AtlopError(
                f'{where}: "words" has no word at characters {spans[0][0]} to {spans[-1][1]}; add the words there'
            )
        if self._sentences[first] != self._sentences[last]:
            raise AtlopError(
                f"{where}: extends from sentence {self._sentences[first]} to sentence {self._sentences[last]}; "
                "expected a mention within one sentence"
            )

    def _check_boundary(self, character: int, *, verb: str, where: str) -> None:
        index = bisect_right(self._words, character, key=lambda word: word[0]) - 1
        if index >= 0 and self._words[index][0] < character < self._words[index][1]:
            start, end = self._words[index]
            raise AtlopError(
                f"{where}: {verb} at character {character}, inside the word at {start} to {end}; split the word there, "
                'or omit "words"'
            )


def _is_pair(value: object) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) is int and type(value[1]) is int


def _check_characters(start: int, end: int, *, text: str, where: str) -> None:
    if start < 0:
        raise AtlopError(f"{where}: starts at character {start}; characters are numbered from 0")
    if end <= start:
        raise AtlopError(
            f"{where}: starts at character {start} and ends at character {end}, so it has none; "
            "the end is one past the last character"
        )
    if end > len(text):
        raise AtlopError(f"{where}: ends at character {end}, but the text has {len(text)} characters")
