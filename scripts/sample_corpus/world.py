"""The people, places, institutions, works and dates that one document speaks of."""

import random
from dataclasses import dataclass

from scripts.sample_corpus import names
from scripts.sample_corpus.names import Split, owns_number, split_part

ENTITY_TYPES = {
    "man": "PER",
    "woman": "PER",
    "town": "LOC",
    "region": "LOC",
    "country": "LOC",
    "institution": "ORG",
    "work": "MISC",
    "date": "TIME",
}
"""Kind of thing -> entity type of DocRED."""


@dataclass(frozen=True)
class Name:
    """One way to name a thing."""

    words: tuple[str, ...]
    before: tuple[str, ...] = ()
    """Words that come before the name in running text, for example `the`; no part of the mention."""


@dataclass(eq=False)
class Thing:
    """An entity of the invented world; compared by identity."""

    kind: str
    names: list[Name]
    """Full name first."""
    noun: str = ""
    """Word for what it is: `province`, `novel`, `institute`; the occupation of a person."""
    adjective: str = ""
    """Of a country: what belongs to it."""
    abbreviation: Name | None = None
    born: int = 0
    """Year of birth or founding; 0 for what has no beginning."""
    surname: str = ""
    """Of a person."""

    @property
    def is_person(self) -> bool:
        """Whether this is a man or a woman."""
        return self.kind in ("man", "woman")

    @property
    def active(self) -> tuple[int, int]:
        """First and last year in which it can take part in an event."""
        if self.is_person:
            return self.born + 21, self.born + 58
        if self.born:
            return self.born, self.born + 60
        return 0, 9999


class Cast:
    """Makes the things of one document; no two of them share a name or a stem."""

    def __init__(self, split: Split, *, random_source: random.Random, taken: set[str]) -> None:
        """Start with an empty cast.

        Args:
            split: Whose names are drawn.
            random_source: Where every choice comes from.
            taken: Full names of things other than dates that may not be used again; grows.
        """
        self.split = split
        self.random = random_source
        self.taken = taken
        self._used: set[str] = set()
        self._dates: dict[str, Thing] = {}
        self._stems = split_part(names.STEMS, split=split)

    def _unused(self, options: tuple[str, ...]) -> str:
        word = self.random.choice([option for option in options if option not in self._used])
        self._used.add(word)
        return word

    def _new_name(self, endings: tuple[str, ...]) -> str:
        while True:
            stem, ending = self._unused(self._stems), self.random.choice(endings)
            if stem + ending not in self.taken and stem[-1] != ending[0]:
                self.taken.add(stem + ending)
                return stem + ending

    def year(self, first: int, last: int) -> int | None:
        """Draw a year of this split between two years, both included; none if there is no such year."""
        years = [year for year in range(first, last + 1) if owns_number(year, split=self.split)]
        return self.random.choice(years) if years else None

    def birth_year(self, first: int, last: int) -> int:
        """Draw a year as `year` does, from a span of at least six years."""
        year = self.year(first, last)
        assert year is not None
        return year

    def person(self, kind: str, *, born: int, family_of: Thing | None = None) -> Thing:
        """Make a man or a woman, with the surname of a relative where one is given."""
        first = self._unused(split_part(names.MEN if kind == "man" else names.WOMEN, split=self.split))
        if family_of is None:
            surname = self._new_name(names.SURNAME_ENDINGS)
            short = surname
        else:
            surname, short = family_of.surname, first
            family_of.names[1:] = [Name(family_of.names[0].words[:1])]
        job = self._unused(names.PLAIN_WORDS["job"])
        full = Name((first, surname))
        return Thing(kind, [full, Name((short,))], noun=job, born=born, surname=surname)

    def town(self) -> Thing:
        """Make a town."""
        return Thing("town", [Name((self._new_name(names.TOWN_ENDINGS),))], noun="town")

    def region(self) -> Thing:
        """Make a province, county or district."""
        name, kind = self._new_name(names.REGION_ENDINGS), self._unused(names.REGION_KINDS)
        aliases = [Name((name, kind)), Name((name,), before=("the", kind.lower(), "of"))]
        return Thing("region", aliases, noun=kind.lower())

    def country(self) -> Thing:
        """Make a country; its longer name comes second."""
        ending, adjective = self.random.choice(names.COUNTRY_ENDINGS)
        name = self._new_name((ending,))
        aliases = [Name((name,)), Name(("Republic", "of", name), before=("the",))]
        return Thing("country", aliases, noun="country", adjective=name.removesuffix(ending) + adjective)

    def institution(self, *, born: int) -> Thing:
        """Make an institution; its initials, which most are also called by, belong to this split alone."""
        kind = self._unused(names.INSTITUTION_KINDS)
        while True:
            name, subject = self._new_name(names.SURNAME_ENDINGS), self.random.choice(names.FIELDS)
            initials = name[0] + kind[0] + subject[0]
            if initials not in self._used and owns_number(sum(map(ord, initials)), split=self.split):
                break
        self._used.add(initials)
        aliases = [Name((name, kind, "of", subject), before=("the",)), Name((name, kind), before=("the",))]
        abbreviation = Name((initials,), before=("the",)) if self.random.random() < 0.6 else None
        return Thing("institution", aliases, noun=kind.lower(), abbreviation=abbreviation, born=born)

    def work(self, *, born: int) -> Thing:
        """Make a novel, poem, play, memoir or diary."""
        qualities = split_part(names.WORK_QUALITIES, split=self.split)
        things = split_part(names.WORK_THINGS, split=self.split)
        while True:
            thing, other = self.random.sample(things, 2)
            quality = self.random.choice(qualities)
            title = f"The {quality} {thing}" if self.random.random() < 0.6 else f"The {thing} and the {other}"
            if title not in self.taken:
                break
        self.taken.add(title)
        return Thing("work", [Name(tuple(title.split()))], noun=self._unused(names.WORK_KINDS), born=born)

    def date(self, year: int, *, with_day: bool) -> Thing:
        """Make a year, or a day in it; the same text is always the same thing."""
        words: tuple[str, ...] = (str(year),)
        if with_day:
            words = (str(self.random.randint(1, 28)), self.random.choice(names.MONTHS), *words)
        return self._dates.setdefault(" ".join(words), Thing("date", [Name(words)]))
