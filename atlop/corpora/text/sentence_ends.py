"""Sentence boundaries of plain text in linear time: rules for English texts, and the full stops of other scripts."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from atlop.schema import Span

MAX_BRACKET = 500
"""No sentence ends between brackets up to this many characters apart; beyond, one is assumed to be missing."""

_MAX_CONTEXT = 24  # characters before and after a full stop that are examined

# No alternative can fail after its first character, so that the search never backtracks.
_STOP = re.compile(r"[.!?…]+[\"')\]}”’»]*|[。！？｡।॥؟۔։።፧။។៕]+[\"')\]}”’»」』）】]*|\n\s*")
_UNSPACED = frozenset("。！？｡")  # in Chinese and Japanese, no space follows
_NOT_SPACE = re.compile(r"\S")
_BRACKET = re.compile(r"[()\[\]{}]|\n[^\S\n]*\n")

_WORD_BEFORE = re.compile(r"[^\W_](?:[\w.&-]*[^\W_])?\Z")
_WORD_AFTER = re.compile(r"[\"'(\[{“‘«¿¡]*([^\W_]+)")
_INITIALS = re.compile(r"[A-Z](?:[.-][A-Z])*")  # J, J.R, U.S
_LETTERED = re.compile(r"(?:vitamin|group|hepatitis|type|class|part|study|protein|factor) \w\Z", re.IGNORECASE)
_ENUMERATION = re.compile(r"\d{1,3}|[^\W\d_]|[ivxIVX]{1,4}")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEVER_LAST = _words(
    "dr mr mrs ms prof rev gen col capt lt sgt sen rep gov hon st mt messrs vs cf viz approx ca fig figs eq eqs ref "
    "refs vol vols pp nos ed eds resp incl dept e.g eg i.e"
)
"""Lower-cased abbreviations that never end a sentence."""

_SELDOM_LAST = _words(
    "al no inc ltd co corp bros jr sr etc est sp spp subsp var univ a.m p.m ph.d jan feb mar apr jun jul aug "
    "sep sept oct nov dec ave blvd rd"
)
"""Lower-cased abbreviations that end a sentence only before a word that usually begins one."""

_FIRST_WORDS = _words(
    "the a an this these those that there it its they their we our i he she his her you in on at as by for from to of "
    "with after although because before during when where while what who how why if since until however moreover "
    "furthermore therefore thus hence but and so yet both all each no none neither most many some several such here "
    "patients results conclusions conclusion methods background objective then also"
)
"""Lower-cased words that usually begin a sentence if they are capitalised."""


def sentence_starts(text: str, *, unbroken: tuple[Span, ...] = ()) -> list[int]:
    """Return the index of the first character of each sentence except the first; `unbroken` spans are not split."""
    spans, spans_and_brackets = _UnbrokenSpans(unbroken), _UnbrokenSpans((*unbroken, *_brackets(text)))
    starts: list[int] = []
    for start, certain in _candidates(text):
        if not (spans if certain else spans_and_brackets).contain(start) and (not starts or starts[-1] < start):
            starts.append(start)
    return starts


def outside(spans: tuple[Span, ...], *, starts: Iterable[int]) -> list[int]:
    """Return the starts of sentences that split none of some spans."""
    unbroken = _UnbrokenSpans(spans)
    return [start for start in starts if not unbroken.contain(start)]


class _UnbrokenSpans:
    """Spans that no sentence end may split; overlapping ones are merged."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._first: list[int] = []
        self._end: list[int] = []
        for first, end in sorted(spans):
            if self._end and first < self._end[-1]:
                self._end[-1] = max(self._end[-1], end)
            else:
                self._first.append(first)
                self._end.append(end)

    def contain(self, character: int) -> bool:
        """Whether a boundary before the character would split a span."""
        index = bisect_left(self._first, character) - 1  # the last span that begins before it
        return index >= 0 and character < self._end[index]


def _brackets(text: str) -> Iterator[Span]:
    """Yield the span of each pair of brackets in a paragraph."""
    partners = {")": "(", "]": "[", "}": "{"}
    open_: dict[str, list[int]] = {opener: [] for opener in partners.values()}
    for match in _BRACKET.finditer(text):
        found = match.group()
        if found in open_:
            open_[found].append(match.start())
        elif found not in partners:  # a blank line
            open_ = {opener: [] for opener in open_}
        elif open_[partners[found]]:
            start = open_[partners[found]].pop()
            if match.end() - start <= MAX_BRACKET:
                yield start, match.end()


def _candidates(text: str) -> Iterator[tuple[int, bool]]:
    """Yield each index where a sentence may begin, and whether it may even inside brackets."""
    first = _NOT_SPACE.search(text)
    title_end = text.find("\n", first.start()) if first else -1
    begin = 0  # of the current sentence
    for stop in _STOP.finditer(text):
        following = _NOT_SPACE.search(text, stop.end())
        if following is None:
            return
        start = following.start()
        if text[stop.start()] == "\n":
            certain = stop.group().count("\n") > 1 or (
                stop.start() == title_end and not _continues(text[start : start + _MAX_CONTEXT])
            )
            ends = certain
        else:
            certain = False
            spaced = start > stop.end() or text[stop.start()] in _UNSPACED
            ends = spaced and _ends_sentence(text, stop=stop.span(), begin=begin, start=start)
        if ends:
            begin = start
            yield start, certain


def _ends_sentence(text: str, *, stop: Span, begin: int, start: int) -> bool:
    """Whether a stop, with closing quotes and brackets after it, ends the sentence that begins at `begin`.

    `start` is the index of the first character after the stop and spaces.
    """
    after = text[start : start + _MAX_CONTEXT]
    if _continues(after):
        return False
    if text[stop[0]] != "." or text[stop[0] + 1 : stop[0] + 2] == ".":
        return True
    if stop[0] - begin < 5 and _ENUMERATION.fullmatch(text[begin : stop[0]]):  # "1. Introduction"
        return False
    found = _WORD_BEFORE.search(text[max(0, stop[0] - _MAX_CONTEXT) : stop[0]])
    word = found.group() if found else ""
    if word.lower() in _NEVER_LAST:
        return False
    if word.lower() in _SELDOM_LAST or _INITIALS.fullmatch(word):
        lettered = _LETTERED.search(text[max(0, stop[0] - _MAX_CONTEXT) : stop[0]])
        return lettered is not None or _begins_sentence(after)
    return True


def _continues(after: str) -> bool:
    """Whether no sentence begins like this: with a lower-case word or a comma, but not with `p53` or `mRNA`."""
    word = _WORD_AFTER.match(after)
    return (word.group(1).isalpha() and word.group(1).islower()) if word else after[0] in ",;:)]}%/"


def _begins_sentence(after: str) -> bool:
    """Whether the first word usually begins a sentence."""
    word = _WORD_AFTER.match(after)
    return word is not None and word.group(1)[0].isupper() and word.group(1).lower() in _FIRST_WORDS
