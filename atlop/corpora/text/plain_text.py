"""A plain text, cut into sentences and words that keep their place in it."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise
from operator import itemgetter

from atlop.corpora.text.sentence_ends import sentence_starts
from atlop.errors import AtlopError
from atlop.schema import Mention, Span

_IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FRAGMENT = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+|\S")
_NOT_SPACE = re.compile(r"\S")
_ATTACHED = frozenset(
    ("Mn", "Mc", "Me", "Cf", "Sk")
)  # accents, vowel signs, joiners, ´, skin tones: Unicode categories


def cut_text(text: str, *, mentions: Iterable[Span] = ()) -> tuple[tuple[Span, ...], ...]:
    """Cut a text into sentences and words; return the characters of each word of each sentence.

    A word is a run of letters and digits, or one other character that is no space; a Chinese or Japanese character is a
    word of its own. Accents and vowel signs stay with the letter before them. Every character that is no space lies in
    exactly one word, in order. Sentences without a word are left out.

    Args:
        text: The text.
        mentions: Characters of mentions: no sentence ends inside one, and no word goes over its start or end. Give
            `parts_and_extent` of a mention that stands in several places.

    Raises:
        AtlopError: A mention is empty or goes beyond the text.
    """
    whole = tuple(mentions)
    for start, end in whole:
        if not 0 <= start < end <= len(text):
            raise AtlopError(
                f"mention at characters {start} to {end}: expected a start before the end, "
                f"both within the text's {len(text)} characters"
            )
    starts = sentence_starts(text, whole=tuple(_without_leading_space(text, span=span) for span in whole))
    words = _cut(_words(text), at=sorted({character for span in whole for character in span}))
    first = [bisect_left(words, start, key=itemgetter(0)) for start in starts]  # word of each sentence
    sentences = (tuple(words[slice(*part)]) for part in pairwise([0, *first, len(words)]))
    return tuple(sentence for sentence in sentences if sentence)


def parts_and_extent(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the characters of a mention, and where they are several, those from its first to its last as well."""
    return spans if len(spans) == 1 else (_whole(spans), *spans)


def slice_words(text: str, offsets: tuple[tuple[Span, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the words of each sentence, given the characters of each."""
    return tuple(tuple(text[start:end] for start, end in sentence) for sentence in offsets)


def locate_mention(spans: tuple[Span, ...], *, offsets: tuple[tuple[Span, ...], ...], name: str, type: str) -> Mention:
    """Return the mention that stands at some characters of a text.

    Args:
        spans: Its characters; several where it is discontinuous.
        offsets: Characters of each word of each sentence, as `cut_text` gives them for this mention.
        name: Its text as the corpus gives it.
        type: Its entity type.

    Raises:
        AtlopError: There is no word at these characters.
    """
    first, end = _whole(spans)
    sentence = bisect_right(offsets, first, key=lambda words: words[0][0]) - 1
    if sentence < 0 or offsets[sentence][-1][1] <= first:
        sentence += 1  # the characters begin with space before a sentence
    words = offsets[sentence] if sentence < len(offsets) else ()
    start_word = bisect_right(words, first, key=lambda word: word[1])
    end_word = bisect_left(words, end, key=lambda word: word[0])
    if start_word >= end_word:
        raise AtlopError(f'mention "{name}" at characters {first} to {end}: there is no word, only space')
    return Mention(name=name, sentence=sentence, start=start_word, end=end_word, type=type, spans=spans)


def _whole(spans: tuple[Span, ...]) -> Span:
    return min(start for start, _ in spans), max(end for _, end in spans)


def _without_leading_space(text: str, *, span: Span) -> Span:
    found = _NOT_SPACE.search(text, *span)
    return (found.start() if found else span[0]), span[1]


def _words(text: str) -> list[Span]:
    """Return the characters of each word."""
    fragments = [fragment.span() for fragment in _FRAGMENT.finditer(text)]
    attached = frozenset(character for character in frozenset(text) if _is_attached(character))
    if not attached:
        return fragments
    words: list[Span] = []
    joins = False  # whether the word so far ends with an accent or joiner, so that the next fragment belongs to it
    for start, end in fragments:
        attaches = text[start] in attached
        if words and start == words[-1][1] and (attaches or joins):
            words[-1] = (words[-1][0], end)
        else:
            words.append((start, end))
        joins = attaches
    return words


def _cut(words: list[Span], *, at: list[int]) -> list[Span]:
    """Return the words, those parted that go over a character of `at`, which is sorted."""
    cut: list[Span] = []
    index = 0  # first character of `at` behind the words so far
    for start, end in words:
        while index < len(at) and at[index] < end:
            if start < at[index]:
                cut.append((start, at[index]))
                start = at[index]
            index += 1
        cut.append((start, end))
    return cut


def _is_attached(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in _ATTACHED
