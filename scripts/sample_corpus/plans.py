"""What the documents speak of: five kinds of story, each a list of statements in the order of telling."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.sample_corpus.world import Cast, Thing


@dataclass(frozen=True)
class Statement:
    """One step of a story: facts to be told, or a distraction."""

    key: str
    """Relation id, name of a joint statement, or the text itself of a distraction."""
    slots: Mapping[str, Thing]
    follows: bool = False
    """Whether it has to come right after the statement before."""


@dataclass
class Story:
    """The statements of one document."""

    title: str
    statements: list[Statement] = field(default_factory=list)
    distractions: int = 2


def told(relation: str, subject: Thing, object_: Thing) -> Statement:
    """Return the statement of a single fact."""
    return Statement(relation, {"s": subject, "o": object_})


class Planner:
    """Invents stories."""

    def __init__(self, cast: Cast, *, random_source: random.Random) -> None:
        """Plan with the things of a cast."""
        self.cast = cast
        self.random = random_source

    def story(self) -> Story:
        """Invent one story of a kind drawn at random."""
        kinds = (self.biography, self.institution, self.work, self.places, self.family)
        return self.random.choices(kinds, weights=(2, 1, 1, 1, 2))[0]()

    def biography(self) -> Story:
        """The life of one person."""
        person, home, country = self._person(), self.cast.town(), self.cast.country()
        relatives = (
            lambda: self._marriage(person, child=False),
            lambda: self._offspring(person),
        )
        blocks = [self.random.choice(relatives)(), self._career(person), self._writing(person)]
        if self._chance(0.4):
            blocks.append([told("P22", person, self._father(person))])
        if blocks[0][0].key != "couple of citizens" and self._chance(0.65):
            blocks.append([told("P27", person, country if self._chance(0.5) else self.cast.country())])
        chosen = self.random.sample(blocks, 3)
        statements = [*self._life(person, home), *self._place(home, country)]
        for block in chosen:
            statements += block
        return Story(self._title(person), statements, distractions=self.random.randint(1, 3))

    def institution(self) -> Story:
        """An institution, its founder and the people whom it employs."""
        founder, home, country = self._person(), self.cast.town(), self.cast.country()
        employer = self.cast.institution(born=self.cast.birth_year(founder.born + 22, founder.born + 34))
        first, second = self._person(employer.born - 17), self._person(employer.born - 17)
        statements = [told("P112", employer, founder), *self._life(founder, home, short=True)]
        if self._chance(0.35):
            statements.append(Statement("colleagues", {"s": first, "o": second, "c": employer}))
        else:
            statements += [told("P108", first, employer), told("P108", second, employer)]
        if self._chance(0.4):
            statements.insert(1, told("P27", founder, country if self._chance(0.6) else self.cast.country()))
        else:
            statements.append(told("P27", second, self.cast.country()))
        statements += self._life(first, self.cast.town(), short=True)
        statements += self._place(home, country)
        return Story(self._title(employer), statements, distractions=self.random.randint(2, 3))

    def work(self) -> Story:
        """Two works and their authors."""
        author, rival, home, country = self._person(), self._person(), self.cast.town(), self.cast.country()
        book, other = self._work_by(author), self._work_by(rival)
        statements = [told("P50", book, author), *self._life(author, home), *self._place(home, country)]
        statements.append(told("P50", other, rival))
        extra = [told("P27", rival, country if self._chance(0.5) else self.cast.country()), *self._career(rival)]
        statements += self.random.sample(extra, min(len(extra), 2))
        return Story(self._title(book), statements, distractions=self.random.randint(2, 3))

    def places(self) -> Story:
        """Two towns of a region, and people who were born or died there."""
        town, other, region, country = self.cast.town(), self.cast.town(), self.cast.region(), self.cast.country()
        first, second = self._person(), self._person()
        statements = [told("P131", town, region), told("P17", region, country), told("P131", other, region)]
        statements += self._life(first, town, short=self._chance(0.5))
        statements.append(told("P20", second, other))
        citizen = self.random.choice((first, second))
        statements.append(told("P27", citizen, country if self._chance(0.4) else self.cast.country()))
        if self._chance(0.5):
            statements += self._career(second)
        return Story(self._title(town), statements, distractions=self.random.randint(2, 3))

    def family(self) -> Story:
        """Three generations: a father, a parent or a couple, and a child."""
        parent, home = self._person(), self.cast.town()
        statements = self._life(parent, home, short=True)
        if self._chance(0.4):
            marriage = self._marriage(parent, child=True)
            child, heir = marriage[1].slots["c"], marriage[0].slots["o"]
            statements += marriage
        else:
            child, heir = self._child(parent), parent
            statements.append(told("P40", parent, child))
        statements += self._life(child, self.cast.town(), short=True)
        statements.append(told("P22", heir, self._father(heir)))
        statements += self.random.choice((self._career, self._writing))(heir)
        if self._chance(0.5):
            statements += self._career(child)
        statements += self._place(home, self.cast.country())
        return Story(self._title(parent), statements, distractions=self.random.randint(1, 3))

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _title(self, thing: Thing) -> str:
        return " ".join(thing.names[0].words)

    def _person(self, around: int | None = None) -> Thing:
        middle = self.random.randint(1790, 1900) if around is None else around
        kind = self.random.choice(("man", "woman"))
        return self.cast.person(kind, born=self.cast.birth_year(middle - 7, middle + 7))

    def _father(self, person: Thing) -> Thing:
        born = self.cast.birth_year(person.born - 38, person.born - 24)
        return self.cast.person("man", born=born, family_of=person)

    def _child(self, parent: Thing, *, younger_parent: int = 0) -> Thing:
        """A child with the surname of a parent; `younger_parent` is the year of birth of the younger of two."""
        kind = self.random.choice(("man", "woman"))
        youngest = max(parent.born, younger_parent)
        born = self.cast.birth_year(youngest + 25, youngest + 36)
        return self.cast.person(kind, born=born, family_of=parent)

    def _work_by(self, author: Thing) -> Thing:
        return self.cast.work(born=self.cast.birth_year(author.born + 24, author.born + 45))

    def _life(self, person: Thing, home: Thing, *, short: bool = False) -> list[Statement]:
        """Birth, perhaps death; where `short`, one or two statements."""
        birthday = self.cast.date(person.born, with_day=True)
        where, when = told("P19", person, home), told("P569", person, birthday)
        if short:
            return [where] if self._chance(0.5) else [when, where] if self._chance(0.5) else [where, when]
        if self._chance(0.2):
            return [when, Statement("birth and death", {"s": person, "o": home})]
        joint = Statement("birth", {"s": person, "o": home, "t": birthday})
        statements = [joint] if self._chance(0.3) else self.random.sample([where, when], 2)
        draw = self.random.random()
        if draw < 0.25:
            statements.append(Statement("death at the birthplace", {"s": person, "o": home}))
        elif draw < 0.7:
            statements.append(told("P20", person, self.cast.town()))
        return statements

    def _place(self, town: Thing, country: Thing) -> list[Statement]:
        """Where a town lies: in a region of a country, or just in a country."""
        region, draw = self.cast.region(), self.random.random()
        if draw < 0.2:
            return [Statement("place", {"s": town, "r": region, "o": country})]
        if draw < 0.45:
            return [told("P17", town, country)]
        return [told("P131", town, region), told("P17", region, country)]

    def _marriage(self, person: Thing, *, child: bool) -> list[Statement]:
        """A marriage, and the child of the two if requested."""
        kind = "woman" if person.kind == "man" else "man"
        spouse = self.cast.person(kind, born=self.cast.birth_year(person.born - 6, person.born + 6))
        couple = {"s": person, "o": spouse}
        if child:
            father = person if person.kind == "man" else spouse
            offspring = self._child(father, younger_parent=max(person.born, spouse.born))
            return [Statement("P26", couple), Statement("their child", {**couple, "c": offspring}, follows=True)]
        if self._chance(0.25):
            return [Statement("couple of citizens", {**couple, "c": self.cast.country()})]
        return [Statement("P26", couple)]

    def _offspring(self, person: Thing) -> list[Statement]:
        """A child, with or without a word on the other parent."""
        if self._chance(0.3):
            return self._marriage(person, child=True)
        return [told("P40", person, self._child(person))]

    def _career(self, person: Thing) -> list[Statement]:
        """A post, or an institution of one's own."""
        employer = self.cast.institution(born=self.cast.birth_year(person.born + 22, person.born + 34))
        return [told("P112", employer, person) if self._chance(0.35) else told("P108", person, employer)]

    def _writing(self, person: Thing) -> list[Statement]:
        """A work of one's own."""
        return [told("P50", self._work_by(person), person)]
