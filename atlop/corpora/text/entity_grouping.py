"""Group the mentions of a text into entities by their names, where nobody has annotated which belong together."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from unicodedata import normalize

from atlop.corpora.text.character_spans import mention_text
from atlop.schema import Span

PERSON = ("per", "person")
"""Names of the type of people, in lower case, as recognisers and corpora have them."""

_WORD = re.compile(r"\w+|[^\w\s.,:;'’\"“”()\[\]‐-]")
_POSSESSIVE = re.compile(r"\s*['’]s?$")
_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_ARTICLES = frozenset({"the", "a", "an"})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "lord", "lady", "king", "queen"})
_GENERATIONS = frozenset({"jr", "sr", "ii", "iii", "iv"})
_SMALL_WORDS = frozenset({"the", "of", "and", "for", "in", "on", "at", "de", "la", "du", "des", "y", "e"})
_SHORT_FORM = re.compile(r"(?=.{2,10}$)(?=.*[^\W\d_].*)\w[\w.&/-]*")


@dataclass(frozen=True)
class NamedMention:
    """A mention of a text that belongs to no entity yet."""

    spans: tuple[Span, ...]
    """Its characters; several if it is discontinuous."""
    type: str = ""
    identifier: str | None = None
    """What a knowledge base calls it; mentions with different ones are different entities."""
    cluster: Hashable = None
    """Coreference cluster, if it has one; like an identifier, it tells entities apart."""


@dataclass(frozen=True)
class _Name:
    """A mention as the rules read it."""

    mention: NamedMention
    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its words in lower case, without article, possessive ending and full stops; its text if that leaves none."""
        plain = _DOT.sub("", _POSSESSIVE.sub("", normalize("NFKC", self.text).casefold()))
        words = tuple(_WORD.findall(plain))
        return words[1:] if len(words) > 1 and words[0] in _ARTICLES else words or (self.text,)

    @cached_property
    def type(self) -> str:
        return self.mention.type.casefold()

    @property
    def is_known(self) -> bool:
        """Whether an identifier or a cluster says what it belongs to, so that its text need not."""
        return self.mention.identifier is not None or self.mention.cluster is not None


class _Groups:
    """Sets of mentions that are one entity."""

    def __init__(self, names: Sequence[_Name]):
        self._parents = list(range(len(names)))
        self._known = [name.is_known for name in names]

    def first(self, index: int) -> int:
        """Return the first mention of a mention's entity."""
        while self._parents[index] != index:
            index = self._parents[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make the entities of two mentions one."""
        first, later = sorted((self.first(one), self.first(other)))
        self._parents[later] = first
        self._known[first] |= self._known[later]

    def join_by_name(self, one: int, other: int) -> None:
        """Do so unless identifiers or clusters tell them apart."""
        if not (self._known[self.first(one)] and self._known[self.first(other)]):
            self.join(one, other)


Rule = Callable[[Sequence[_Name], _Groups, str], None]
"""Joins mentions of a text, given in its order."""


def same_identifier(names: Sequence[_Name], groups: _Groups, text: str) -> None:
    """Join mentions with the same identifier."""
    _join_equal(groups, ((index, name.mention.identifier) for index, name in enumerate(names)))


def same_cluster(names: Sequence[_Name], groups: _Groups, text: str) -> None:
    """Join mentions of the same coreference cluster."""
    _join_equal(groups, ((index, name.mention.cluster) for index, name in enumerate(names)))


def same_text(names: Sequence[_Name], groups: _Groups, text: str) -> None:
    """Join mentions of the same words; types may differ, of which recognisers are less sure."""
    firsts: dict[tuple[str, ...], int] = {}
    for index in sorted(range(len(names)), key=lambda index: not names[index].is_known):
        groups.join_by_name(firsts.setdefault(names[index].words, index), index)


def part_of_name(names: Sequence[_Name], groups: _Groups, text: str) -> None:
    """Join a person to the only one whose longer name has all words of the shorter: `Kerr` to `Mairi Kerr`."""
    people = [(index, _bare(name.words)) for index, name in enumerate(names) if name.type in PERSON]
    for index, words in sorted(people, key=lambda person: -len(person[1])):
        longer = {
            groups.first(other) for other, others in people if len(others) > len(words) and _is_part(words, others)
        }
        if len(longer) == 1:
            groups.join_by_name(index, longer.pop())


def abbreviation(names: Sequence[_Name], groups: _Groups, text: str) -> None:
    """Join an abbreviation to the name that its letters begin: in brackets after the name, or capitals alone."""
    initials: dict[tuple[str, str], int] = {}
    for index, name in enumerate(names):
        for letters in _initials(name.words):
            initials.setdefault((name.type, letters), index)
    for index, (name, before) in enumerate(zip(names, [None, *names], strict=False)):
        if not _SHORT_FORM.fullmatch(name.text):
            continue
        letters = "".join(name.words)
        if before is not None and _is_in_brackets(before, name, text=text) and _begins_words(letters, before.words):
            groups.join_by_name(index - 1, index)
        elif name.text.isupper() and (other := initials.get((name.type, letters))) is not None:
            groups.join_by_name(other, index)


RULES: tuple[Rule, ...] = (same_identifier, same_cluster, same_text, part_of_name, abbreviation)
"""In their order."""


def group_mentions(mentions: Sequence[NamedMention], *, text: str, rules: Iterable[Rule] = RULES) -> list[int]:
    """Return the entity of each mention; entities are numbered by their first mention in the text.

    Args:
        mentions: Mentions of one text, in any order.
        text: The text.
        rules: What joins mentions.
    """
    order = sorted(range(len(mentions)), key=lambda index: mentions[index].spans)
    names = [_Name(mentions[index], mention_text(mentions[index].spans, text=text)) for index in order]
    groups = _Groups(names)
    for rule in rules:
        rule(names, groups, text)
    firsts = [groups.first(index) for index in range(len(names))]
    numbers = {first: number for number, first in enumerate(dict.fromkeys(firsts))}
    entity_of = {index: numbers[first] for index, first in zip(order, firsts, strict=True)}
    return [entity_of[index] for index in range(len(mentions))]


def _join_equal(groups: _Groups, keys: Iterable[tuple[int, Hashable]]) -> None:
    """Join mentions with the same key; those with `None` have none."""
    firsts: dict[Hashable, int] = {}
    for index, key in keys:
        if key is not None:
            groups.join(firsts.setdefault(key, index), index)


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a person's name without title and generation, unless that is all."""
    bare = tuple(word for word in words if word not in _TITLES and word not in _GENERATIONS)
    return bare or words


def _is_part(words: tuple[str, ...], longer: tuple[str, ...]) -> bool:
    """Whether a longer name has all words, in their order."""
    left = iter(longer)
    return all(word in left for word in words)


def _initials(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the letters that a name's words begin with, with and without small words such as `of`."""
    if len(words) > 1:
        yield "".join(word[0] for word in words)
        yield "".join(word[0] for word in words if word not in _SMALL_WORDS)


def _is_in_brackets(before: _Name, name: _Name, *, text: str) -> bool:
    """Whether a mention stands in brackets right after the one before."""
    end, start = before.mention.spans[-1][1], name.mention.spans[0][0]
    closing = name.mention.spans[-1][1]
    after = text[closing : closing + 2].lstrip()
    return text[end:start].strip() in ("(", "[") and after.startswith((")", "]"))


def _begins_words(letters: str, words: tuple[str, ...]) -> bool:
    """Whether a name has the letters of a shorter one in their order, the first of them first (Schwartz and Hearst)."""
    whole = "".join(words)
    return len(letters) < len(whole) and letters[:1] == whole[:1] and _is_part(tuple(letters), tuple(whole))
