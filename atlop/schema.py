"""The words that all the rest speaks: documents, entities, mentions, facts and relations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from atlop.errors import AtlopError

THRESHOLD_CLASS = 0
"""Class id of TH, the learned threshold; DocRED's `rel2id.json` calls it `Na`."""

Span: TypeAlias = tuple[int, int]
"""Characters `[start, end)` of a document's text."""

NameTriple: TypeAlias = tuple[str, str, str]
"""A fact by the names of its mentions: subject name, object name, relation id. What Ign F1 compares."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One place in a document that names an entity."""

    name: str
    """The text as the corpus gives it."""
    sentence: int
    """Index of the sentence."""
    start: int
    """First word, counted within the sentence."""
    end: int
    """One past the last word, counted within the sentence."""
    type: str
    """Entity type as the corpus names it, for example `PER`."""
    spans: tuple[Span, ...] = ()
    """Where it stands in the document's text, several for a discontinuous mention; empty where there is no text.

    `start` and `end` then go from the first word to the last of all of them.
    """


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that a document speaks of, with every place that names it; at least one."""

    mentions: tuple[Mention, ...]
    identifier: str | None = None
    """What a knowledge base or the corpus calls it, for example the MeSH descriptor `D008750`; `None` where unknown."""

    @property
    def name(self) -> str:
        """Name of the first mention."""
        return self.mentions[0].name

    @property
    def type(self) -> str:
        """Type of the first mention."""
        return self.mentions[0].type


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation that holds from one entity of a document to another."""

    subject: int
    """Index of the subject among the document's entities."""
    object: int
    """Index of the object among the document's entities."""
    relation: str
    """Relation id, for example `P17`."""
    evidence: tuple[int, ...] = ()
    """Indices of the sentences that support the fact."""
    novelty: str | None = None
    """What BioRED says of it: `Novel` for a finding of the document, `No` for background; `None` elsewhere."""

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes the fact one and the same within its document: subject, object, relation."""
        return self.subject, self.object, self.relation


@dataclass(frozen=True, slots=True)
class Document:
    """A text cut into sentences and words, with its entities and, where labelled, its facts."""

    title: str
    sentences: tuple[tuple[str, ...], ...]
    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...] | None
    """Every fact once; `None` where the corpus has no labels, empty where it says that there are none."""
    text: str | None = None
    """The text that the words were cut from; `None` where the corpus has words only."""
    offsets: tuple[tuple[Span, ...], ...] | None = None
    """Where each word of each sentence stands in the text; `None` without one."""
    pairs: tuple[tuple[int, int], ...] | None = None
    """Subject and object of each pair that is classified, where the corpus lists them; `None` for all ordered pairs."""
    directed: bool = True
    """Whether a fact holds from subject to object only. Where not, it is listed once, the lower entity as subject."""

    @property
    def words(self) -> int:
        """Number of words."""
        return sum(map(len, self.sentences))

    def name_triples(self) -> Iterable[NameTriple]:
        """Yield each fact once for every pair of a subject name and an object name, undirected ones in both orders."""
        for fact in self.facts or ():
            for subject in self.entities[fact.subject].mentions:
                for object_ in self.entities[fact.object].mentions:
                    yield subject.name, object_.name, fact.relation
                    if not self.directed:
                        yield object_.name, subject.name, fact.relation


@dataclass(frozen=True, slots=True)
class RelationUse:
    """How often a corpus states a relation, and where it does so first."""

    relation: str
    """Relation id."""
    facts: int
    """Number of facts."""
    document: int
    """Index of the first one's document."""
    title: str
    """Title of that document."""
    subject: int
    """Index of the first one's subject among the document's entities."""
    object: int
    """Index of the first one's object."""


@dataclass(frozen=True, slots=True)
class CorpusIssues:
    """What a corpus file holds besides valid documents and facts that can be learned."""

    skipped: tuple[str, ...] = ()
    """One message for each invalid document that was left out."""
    repeated: int = 0
    """Number of documents left out because the file has the very same document before."""
    merged: int = 0
    """Number of facts left out because the same document lists them before."""
    unmentioned: int = 0
    """Number of facts left out because no mention names one of their entities."""
    self_relations: int = 0
    """Number of facts from an entity to itself; they are kept, but no pair stands for them."""
    unclassified: int = 0
    """Number of other facts whose pair the corpus does not classify; they are kept, without a pair."""

    def counts(self) -> dict[str, int]:
        """Return the number of each kind under the name that results have for it."""
        return {
            "skipped_documents": len(self.skipped),
            "repeated_documents": self.repeated,
            "merged_facts": self.merged,
            "unmentioned_facts": self.unmentioned,
            "self_relations": self.self_relations,
            "unclassified_facts": self.unclassified,
        }


@dataclass(frozen=True)
class RelationVocabulary:
    """The relations that a model knows. Class 0 is TH; the relation at index i has class id i + 1."""

    relations: tuple[str, ...]
    """Relation ids in the order of their class ids."""
    names: Mapping[str, str]
    """Readable name of each relation that has one, for example `P17` -> `country`."""

    @property
    def classes(self) -> int:
        """Number of classes, TH included."""
        return len(self.relations) + 1

    @cached_property
    def _class_ids(self) -> dict[str, int]:
        return {relation: index for index, relation in enumerate(self.relations, start=1)}

    def class_of(self, relation: str) -> int:
        """Return the class id of a relation.

        Raises:
            AtlopError: The vocabulary does not have the relation.
        """
        try:
            return self._class_ids[relation]
        except KeyError:
            raise AtlopError(
                f"unknown relation {relation!r}; the model knows {len(self.relations)}: {_shortened(self.relations)}"
            ) from None

    def __contains__(self, relation: object) -> bool:
        return relation in self._class_ids

    def relation_of(self, class_id: int) -> str:
        """Return the relation id of a class other than TH."""
        assert class_id != THRESHOLD_CLASS
        return self.relations[class_id - 1]

    def name_of(self, relation: str) -> str:
        """Return the readable name of a relation, or its id where it has none."""
        return self.names.get(relation, relation)


def _shortened(relations: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(relations[:most]) + (", …" if len(relations) > most else "")
