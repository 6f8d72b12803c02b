"""Turns statements into sentences, and keeps account of mentions, facts and evidence."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from scripts.sample_corpus.names import PLAIN_WORDS
from scripts.sample_corpus.world import ENTITY_TYPES, Name, Thing

SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
MOST_MENTIONS = 6
PRONOUN_SHARE = 0.9
"""How often a pronoun or a description is used where it is unambiguous."""
SHORT_NAME_SHARE = 0.6
"""How often a thing that has been introduced is called by a name other than the full one."""

GENDERED = {
    "he": ("he", "she"),
    "his": ("his", "her"),
    "him": ("him", "her"),
    "son": ("son", "daughter"),
    "man": ("man", "woman"),
    "father": ("father", "mother"),
    "wife": ("husband", "wife"),
    "bride": ("groom", "bride"),
}
"""Form of a slot -> the word for a man, the word for a woman."""

FactKey: TypeAlias = tuple[Thing, Thing, str]
"""Subject, object, relation."""
Facts: TypeAlias = dict[FactKey, frozenset[int]]
"""Fact -> the sentences from which it follows."""


def implied(relation: str, subject: Thing, object_: Thing) -> list[FactKey]:
    """Return the fact that a statement makes, and those that the two entities alone add to it."""
    keys = [(subject, object_, relation)]
    if relation == "P26":
        keys.append((object_, subject, "P26"))
    elif relation == "P40" and subject.kind == "man":
        keys.append((object_, subject, "P22"))
    elif relation == "P22":
        keys.append((object_, subject, "P40"))
    elif relation == "P17":
        keys.append((subject, object_, "P131"))
    return keys


def with_chains(facts: Facts) -> Facts:
    """Add what follows from places that lie in places: a town of a province of a country lies in that country."""
    closed = dict(facts)
    inside = [key for key in facts if key[2] == "P131"]
    for place, region, _ in inside:
        for start, country, _ in inside:
            if start is region:
                evidence = facts[place, region, "P131"] | facts[region, country, "P131"]
                closed.setdefault((place, country, "P131"), evidence)
                if (region, country, "P17") in facts:
                    closed.setdefault((place, country, "P17"), evidence)
    return closed


@dataclass
class _Mention:
    sentence: int
    start: int
    end: int


class Page:
    """One document while it is written."""

    def __init__(self, random_source: random.Random) -> None:
        """Start with an empty page."""
        self.random = random_source
        self.sentences: list[list[str]] = []
        self.facts: Facts = {}
        self._mentions: dict[Thing, list[_Mention]] = {}
        self._present: list[list[Thing]] = []  # per sentence: what it speaks of, by name or not
        self._abbreviated: set[Thing] = set()

    def write(self, text: str, slots: Mapping[str, Thing]) -> frozenset[int]:
        """Write a text and return its sentences, with those that say whom its pronouns mean."""
        needed: set[int] = set()
        for sentence in text.split(" | "):
            needed |= self._write_sentence(sentence, slots)
        return frozenset(needed)

    def state(self, keys: Iterable[FactKey], *, evidence: frozenset[int]) -> None:
        """Record facts with their evidence; a fact stated before keeps its first evidence."""
        for key in keys:
            self.facts.setdefault(key, evidence)

    def _write_sentence(self, text: str, slots: Mapping[str, Thing]) -> set[int]:
        index = len(self.sentences)
        words: list[str] = []
        self.sentences.append(words)
        self._present.append([])
        antecedents: set[int] = set()
        for token in text.split():
            match = SLOT.fullmatch(token)
            if match is None:
                words.append(token)
            elif match[1] in PLAIN_WORDS:
                words.append(self.random.choice(PLAIN_WORDS[match[1]]))
            else:
                thing, form = slots[match[1].lower()], match[2]
                if form in ("kind", "kinds", "job"):
                    words.append(thing.noun if form != "kinds" else _plural(thing.noun))
                    continue
                if form in GENDERED:
                    words.append(GENDERED[form][thing.kind == "woman"])
                elif form == "demonym":
                    self._name(thing, Name((thing.adjective,)))
                elif match[1].isupper() and self._can_be_described(thing):
                    antecedents.add(self._mentions[thing][-1].sentence)
                    words.extend(_description(thing, form))
                else:
                    self._name(thing, self._choose_name(thing))
                    words.extend(["'s"] if form == "gen" else [])
                self._present[index].append(thing)
        _polish(words, first_words={mention.start for mention in self._mentions_in(index)})
        return antecedents | {index}

    def _can_be_described(self, thing: Thing) -> bool:
        """Whether a pronoun or "the town" can mean nothing else: its only like was in the last sentence."""
        if len(self._present) < 2 or thing not in self._mentions:
            return False
        near = self._present[-2] + self._present[-1]
        if thing not in self._present[-2] or any(other.kind == thing.kind and other is not thing for other in near):
            return False
        return self.random.random() < PRONOUN_SHARE

    def _choose_name(self, thing: Thing) -> Name:
        if thing not in self._mentions:
            return thing.names[0]
        options = thing.names[1:]
        if thing in self._abbreviated and thing.abbreviation is not None:
            options = [*options, thing.abbreviation, thing.abbreviation]
        return self.random.choice(options) if options and self.random.random() < SHORT_NAME_SHARE else thing.names[0]

    def _name(self, thing: Thing, name: Name) -> None:
        first = thing not in self._mentions
        self._append(thing, name)
        if first and thing.abbreviation is not None and name is thing.names[0]:
            self.sentences[-1].append("(")
            self._append(thing, Name(thing.abbreviation.words))
            self.sentences[-1].append(")")
            self._abbreviated.add(thing)

    def _append(self, thing: Thing, name: Name) -> None:
        words = self.sentences[-1]
        words.extend(name.before)
        mention = _Mention(len(self.sentences) - 1, len(words), len(words) + len(name.words))
        self._mentions.setdefault(thing, []).append(mention)
        words.extend(name.words)

    def _mentions_in(self, sentence: int) -> list[_Mention]:
        return [mention for all_ in self._mentions.values() for mention in all_ if mention.sentence == sentence]

    @property
    def things(self) -> list[Thing]:
        """What the page names, in the order of first mention."""
        return list(self._mentions)

    @property
    def most_mentions(self) -> int:
        """Mentions of the entity that is named most often."""
        return max(map(len, self._mentions.values()))

    def as_docred(self, title: str) -> dict[str, Any]:
        """Return the document in the format of DocRED."""
        position = {thing: index for index, thing in enumerate(self._mentions)}
        labels = sorted(
            (position[subject], position[object_], relation, sorted(evidence))
            for (subject, object_, relation), evidence in with_chains(self.facts).items()
        )
        return {
            "title": title,
            "sents": self.sentences,
            "vertexSet": [
                [
                    {
                        "name": " ".join(self.sentences[mention.sentence][mention.start : mention.end]),
                        "pos": [mention.start, mention.end],
                        "sent_id": mention.sentence,
                        "type": ENTITY_TYPES[thing.kind],
                    }
                    for mention in mentions
                ]
                for thing, mentions in self._mentions.items()
            ],
            "labels": [{"h": h, "t": t, "r": relation, "evidence": evidence} for h, t, relation, evidence in labels],
        }


def _description(thing: Thing, form: str | None) -> list[str]:
    if thing.is_person:
        return [GENDERED["his" if form == "gen" else "he"][thing.kind == "woman"]]
    return ["the", thing.noun, *(["'s"] if form == "gen" else [])]


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def _polish(words: list[str], *, first_words: set[int]) -> None:
    """Write `an` before a vowel and begin with a capital, unless a name comes first."""
    for index, word in enumerate(words[:-1]):
        if word == "a" and words[index + 1][0].lower() in "aeiou":
            words[index] = "an"
    if 0 not in first_words:
        words[0] = words[0][0].upper() + words[0][1:]
