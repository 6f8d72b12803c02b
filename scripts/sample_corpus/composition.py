"""Makes one document: takes a story, adds distractions, chooses the wordings and writes the page."""

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.sample_corpus.distractions import DISTRACTIONS
from scripts.sample_corpus.joint_wordings import JOINT
from scripts.sample_corpus.names import Split
from scripts.sample_corpus.plans import Planner, Statement, Story
from scripts.sample_corpus.wordings import WORDINGS
from scripts.sample_corpus.world import Cast, Thing
from scripts.sample_corpus.writing import MOST_MENTIONS, FactKey, Facts, Page, implied, with_chains

UNSEEN_SHARE = 0.2
"""How often dev and test state a fact in a wording that train never uses."""
SENTENCES = range(5, 13)
WORDS = range(75, 165)
ENTITIES = range(8, 17)
FACTS = range(5, 19)

NEW_SLOT = re.compile(r"\{([ydxYDX])[.}]")


class DoesNotFitError(Exception):
    """A story cannot be told within the limits; another one is tried."""


@dataclass
class Ledger:
    """What the documents of a split have used so far."""

    names: set[str] = field(default_factory=set)
    """Names that may not be used again."""
    texts: Counter[str] = field(default_factory=Counter)
    """How often each wording was used; the rarest goes first."""


def compose(split: Split, *, random_source: random.Random, ledger: Ledger) -> dict[str, Any]:
    """Write one document in the format of DocRED.

    Args:
        split: Whose names, years and wordings are used.
        random_source: Where every choice comes from.
        ledger: What earlier documents used; brought up to date.
    """
    while True:
        cast = Cast(split, random_source=random_source, taken=set(ledger.names))
        story = Planner(cast, random_source=random_source).story()
        composition = _Composition(cast, random_source=random_source, texts=Counter(ledger.texts))
        try:
            document = composition.tell(story)
        except DoesNotFitError:
            continue
        ledger.names, ledger.texts = cast.taken, composition.texts
        return document


def stated_facts(statement: Statement) -> list[FactKey]:
    """Return the facts that a statement tells; none for a distraction."""
    if statement.key in WORDINGS:
        return implied(statement.key, statement.slots["s"], statement.slots["o"])
    states = JOINT[statement.key].states if statement.key in JOINT else ()
    slots = statement.slots
    return [key for relation, s, o in states for key in implied(relation, slots[s], slots[o])]


class _Composition:
    def __init__(self, cast: Cast, *, random_source: random.Random, texts: Counter[str]) -> None:
        self.cast = cast
        self.texts = texts
        self.random = random_source
        self.page = Page(random_source)

    def tell(self, story: Story) -> dict[str, Any]:
        for statement in self._with_distractions(story):
            self._tell_one(statement)
        page, document = self.page, self.page.as_docred(story.title)
        fits = (
            len(page.sentences) in SENTENCES
            and sum(map(len, page.sentences)) in WORDS
            and len(page.things) in ENTITIES
            and len(document["labels"]) in FACTS
            and page.most_mentions <= MOST_MENTIONS
        )
        if not fits:
            raise DoesNotFitError
        return document

    def _tell_one(self, statement: Statement) -> None:
        texts, leans_on = self._texts(statement)
        slots = statement.slots
        for text in sorted(self.random.sample(texts, len(texts)), key=self.texts.__getitem__):
            new = self._new_things(text, statement)
            if new is not None:
                self.texts[text] += 1
                evidence = self.page.write(text, {**slots, **new})
                for relation, subject, object_ in leans_on:
                    evidence |= self.page.facts[slots[subject], slots[object_], relation]
                self.page.state(stated_facts(statement), evidence=evidence)
                return
        raise DoesNotFitError

    def _texts(self, statement: Statement) -> tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]:
        """Return the texts to choose from, and the facts that they lean on."""
        if statement.key in JOINT:
            return JOINT[statement.key].texts, JOINT[statement.key].leans_on
        if statement.key not in WORDINGS:
            return (statement.key,), ()
        wordings = WORDINGS[statement.key]
        unseen, seen = (sum(self.texts[text] for text in texts) for texts in (wordings.unseen, wordings.seen))
        due = self.cast.split != "train" and unseen < UNSEEN_SHARE * (unseen + seen + 1)
        return (wordings.unseen if due else wordings.seen), ()

    def _new_things(self, text: str, statement: Statement) -> dict[str, Thing] | None:
        """Make the years, days and towns that a text asks for; none where no year is possible."""
        new: dict[str, Thing] = {}
        for slot in NEW_SLOT.findall(text):
            if slot.lower() == "x":
                new["x"] = self.cast.town()
                continue
            year = self.cast.year(*_years(statement.key, statement.slots))
            if year is None:
                return None
            new[slot.lower()] = self.cast.date(year, with_day=slot.lower() == "d")
        return new

    def _with_distractions(self, story: Story) -> list[Statement]:
        facts: Facts = {key: frozenset() for statement in story.statements for key in stated_facts(statement)}
        joined = {frozenset(key[:2]) for key in with_chains(facts)}
        statements = list(story.statements)
        for _ in range(story.distractions):
            position = self.random.randint(1, len(statements))
            if position < len(statements) and statements[position].follows:
                position += 1
            distraction = self._distraction(statements, position=position, joined=joined)
            statements.insert(position, distraction)
            joined.add(frozenset(distraction.slots.values()))
        return statements

    def _distraction(self, statements: list[Statement], *, position: int, joined: set[frozenset[Thing]]) -> Statement:
        """Choose two things that no fact joins; the first is one of those spoken of just before."""
        near = list(statements[position - 1].slots.values())
        everything = list(dict.fromkeys(thing for statement in statements for thing in statement.slots.values()))
        for _ in range(100):
            kind = self.random.choice(DISTRACTIONS)
            firsts = [thing for thing in near if thing.kind in kind.a]
            seconds = [thing for thing in everything if thing.kind in kind.b]
            if not firsts or not seconds:
                continue
            first, second = self.random.choice(firsts), self.random.choice(seconds)
            if first is second or frozenset((first, second)) in joined:
                continue
            statement = Statement(self.random.choice(kind.texts), {"a": first, "b": second})
            possible = self.cast.year(*_years(statement.key, statement.slots)) is not None
            if possible and all(other.key != statement.key for other in statements):
                return statement
        raise DoesNotFitError


def _years(key: str, slots: Mapping[str, Thing]) -> tuple[int, int]:
    """Return the first and the last year in which a statement can have come true."""
    things = list(slots.values())
    if key in ("P20", "birth and death", "death at the birthplace"):
        return slots["s"].born + 60, slots["s"].born + 84
    if key == "P26":  # before any child is born
        younger = max(slots["s"].born, slots["o"].born)
        return younger + 18, younger + 24
    if key == "P40":
        return slots["o"].born, slots["o"].born
    if key in ("P50", "P112"):
        return slots["s"].born, slots["s"].born
    if key == "P569":
        return slots["s"].born - 6, slots["s"].born + 6
    if key == "P17":
        return 1690, 1760
    first, last = max(thing.active[0] for thing in things), min(thing.active[1] for thing in things)
    return (first, last) if first else (1780, 1950)
