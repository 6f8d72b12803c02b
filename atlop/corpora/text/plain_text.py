"""Plain text, split into sentences and words with character offsets."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter

from atlop.corpora.text.sentence_ends import outside, sentence_starts
from atlop.errors import AtlopError
from atlop.schema import Mention, Span

_IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FRAGMENT = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+|\S")
_NOT_SPACE = re.compile(r"\S")
_ATTACHED = ("Mn", "Mc", "Me", "Cf", "Sk")  # Unicode categories of accents, vowel signs, joiners, ´, skin tones


def split_text(
    text: str,
    *,
    mentions: Iterable[Span] = (),
    words: Sequence[Span] | None = None,
    starts: Sequence[int] | None = None,
) -> tuple[tuple[Span, ...], ...]:
    """Split a text into sentences and words; return the character span of each word of each sentence.

    A word is a run of letters and digits, a Chinese or Japanese character, or another character other than space.
    Accents and vowel signs belong to the letter before them. Every character other than space is in exactly one word.
    Sentences without words are left out.

    Args:
        text: The text.
        mentions: Spans of mentions: no sentence ends inside one, and no word crosses its start or end. For a
            discontinuous mention, pass its `spans_and_extent`.
        words: The words, in the order of the text, if they are known.
        starts: The first character of each sentence except the first, if they are known.

    Raises:
        AtlopError: A mention is empty or exceeds the text.
    """
    mentions = tuple(mentions)
    for start, end in mentions:
        if not 0 <= start < end <= len(text):
            raise AtlopError(
                f"mention at characters {start} to {end}: expected a start before the end, "
                f"both within the text's {len(text)} characters"
            )
    unbroken = tuple(_without_leading_space(text, span=span) for span in mentions)
    starts = sentence_starts(text, unbroken=unbroken) if starts is None else outside(unbroken, starts=starts)
    boundaries = sorted({boundary for span in mentions for boundary in span})
    split = _split_at(_words(text) if words is None else words, boundaries=boundaries)
    first_words = [bisect_left(split, start, key=itemgetter(0)) for start in starts]
    sentences = (tuple(split[first:end]) for first, end in pairwise([0, *first_words, len(split)]))
    return tuple(sentence for sentence in sentences if sentence)


def spans_and_extent(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the spans of a mention; if there are several, also the one from the first to the last character."""
    return spans if len(spans) == 1 else (_extent(spans), *spans)


def slice_words(text: str, offsets: tuple[tuple[Span, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the words of each sentence, given their offsets."""
    return tuple(tuple(text[start:end] for start, end in sentence) for sentence in offsets)


def locate_mention(spans: tuple[Span, ...], *, offsets: tuple[tuple[Span, ...], ...], name: str, type: str) -> Mention:
    """Return the mention at character spans of a text.

    Args:
        spans: Its spans, several if it is discontinuous.
        offsets: Span of each word of each sentence, as `split_text` returns them for this mention.
        name: Its name in the corpus.
        type: Its entity type.

    Raises:
        AtlopError: There is no word in the spans.
    """
    first, end = _extent(spans)
    sentence = bisect_right(offsets, first, key=lambda words: words[0][0]) - 1
    if sentence < 0 or offsets[sentence][-1][1] <= first:
        sentence += 1  # the mention begins with space before a sentence
    words = offsets[sentence] if sentence < len(offsets) else ()
    start_word = bisect_right(words, first, key=lambda word: word[1])
    end_word = bisect_left(words, end, key=lambda word: word[0])
    if start_word >= end_word:
        raise AtlopError(f'mention "{name}" at characters {first} to {end}: expected a word, found only space')
    return Mention(name=name, sentence=sentence, start=start_word, end=end_word, type=type, spans=spans)


def _extent(spans: tuple[Span, ...]) -> Span:
    return min(start for start, _ in spans), max(end for _, end in spans)


def _without_leading_space(text: str, *, span: Span) -> Span:
    found = _NOT_SPACE.search(text, *span)
    return (found.start() if found else span[0]), span[1]


def _words(text: str) -> list[Span]:
    fragments = [fragment.span() for fragment in _FRAGMENT.finditer(text)]
    beyond_ascii = (character for character in set(text) if not character.isascii())
    attached = {character for character in beyond_ascii if unicodedata.category(character) in _ATTACHED}
    if not attached:
        return fragments
    words: list[Span] = []
    joins = False  # whether the last word ends with an accent or joiner, so that the next fragment belongs to it
    for start, end in fragments:
        attaches = text[start] in attached
        if words and start == words[-1][1] and (attaches or joins):
            words[-1] = (words[-1][0], end)
        else:
            words.append((start, end))
        joins = attaches
    return words


def _split_at(words: Sequence[Span], *, boundaries: list[int]) -> list[Span]:
    """Split the words that cross one of the boundaries, which are sorted."""
    split: list[Span] = []
    index = 0  # of the next boundary
    for start, end in words:
        while index < len(boundaries) and boundaries[index] < end:
            if start < boundaries[index]:
                split.append((start, boundaries[index]))
                start = boundaries[index]
            index += 1
        split.append((start, end))
    return split
