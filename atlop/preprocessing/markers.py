"""Markers of mentions: tokens inserted before and after words (paper, 'Encoder')."""

from collections import defaultdict
from itertools import chain
from typing import TypeAlias

from atlop.config import Markers
from atlop.preprocessing.tokens import WordTokenizer
from atlop.schema import Document

TYPE_WORDS = {
    "PER": "person",
    "ORG": "organization",
    "LOC": "location",
    "TIME": "time",
    "NUM": "number",
    "MISC": "miscellaneous",
}
"""Word for a type of DocRED in a typed marker; other types are their own name in lower case."""

Word: TypeAlias = tuple[int, int]
"""Index of a sentence and of a word in it."""


class MentionMarkers:
    """Finds the tokens to insert before and after words."""

    def __init__(self, words: WordTokenizer, *, markers: Markers):
        """Keep a tokenizer; see `PreprocessingConfig` for `markers`.

        Raises:
            AtlopError: The tokenizer has no token for `*`, and one is needed.
        """
        self._words, self._markers = words, markers
        self._marker = [] if markers == "none" else [words.marker]

    def around(self, document: Document) -> tuple[dict[Word, list[int]], dict[Word, list[int]]]:
        """Return the tokens before each word at which mentions start, and after each word at which mentions end."""
        starts, ends = defaultdict[Word, list[str]](list), defaultdict[Word, list[str]](list)
        mentions = chain.from_iterable(entity.mentions for entity in document.entities)
        for sentence, start, end, kind in {(each.sentence, each.start, each.end, each.type) for each in mentions}:
            starts[sentence, start].append(kind)
            ends[sentence, end - 1].append(kind)
        before, after = ({word: self._marker_of(types) for word, types in side.items()} for side in (starts, ends))
        if self._markers == "typed":
            for word, types in starts.items():
                before[word] = [*before[word], *self._type_tokens(types)]
        return before, after

    def _marker_of(self, types: list[str]) -> list[int]:
        return self._marker * (len(types) if self._markers == "mention" else 1)

    def _type_tokens(self, types: list[str]) -> list[int]:
        """Return the tokens of the types of the mentions that start at a word, in alphabetical order."""
        names = sorted({TYPE_WORDS.get(kind, kind.lower()) for kind in types})
        self._words.tokenize(names)
        return [token for name in names for token in self._words[name]]
