"""Data types of the whole package: documents, entities, mentions, facts and relations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

from atlop.errors import AtlopError

THRESHOLD_CLASS = 0
"""Class id of TH, the learned threshold; DocRED's `rel2id.json` calls it `Na`."""

NO_IDENTIFIER = frozenset({"", "-", "-1"})
"""What corpora write as the identifier of an entity that has none; such entities have it in common by chance."""

Span: TypeAlias = tuple[int, int]
"""Characters `[start, end)` of a text."""

NameTriple: TypeAlias = tuple[str, str, str]
"""A fact by mention names: subject name, object name, relation id. Ign F1 compares these."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention of an entity in a document."""

    name: str
    """The text as the corpus gives it."""
    sentence: int
    """Index of the sentence."""
    start: int
    """Index of the first word in the sentence."""
    end: int
    """One past the index of the last word; a discontinuous mention extends from its first to its last word."""
    type: str
    """Entity type as the corpus names it, for example `PER`."""
    spans: tuple[Span, ...] = ()
    """Its character spans in the document's text, several if it is discontinuous; empty without a text."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a document, with all its mentions; at least one."""

    mentions: tuple[Mention, ...]
    identifier: str | None = None
    """Id in a knowledge base or in the corpus, for example the MeSH descriptor `D008750`; `None`, or one of
    `NO_IDENTIFIER` as the corpus writes it, where unknown."""
    own_type: str | None = None
    """Type that the corpus gives the entity itself, where its mentions say another."""

    @property
    def name(self) -> str:
        """Name of the first mention."""
        return self.mentions[0].name

    @property
    def type(self) -> str:
        """Its own type, or the most frequent of its mentions; of equally frequent ones, that of the first mention."""
        if self.own_type is not None:
            return self.own_type
        types = [mention.type for mention in self.mentions]
        return max(dict.fromkeys(types), key=types.count)


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
    """BioRED's label: `Novel` for a finding of the document, `No` for background; `None` elsewhere."""

    @property
    def key(self) -> tuple[int, int, str]:
        """Identifies the fact within its document: subject, object, relation."""
        return self.subject, self.object, self.relation


@dataclass(frozen=True, slots=True)
class Document:
    """A text split into sentences and words, with its entities and, if labelled, its facts."""

    title: str
    sentences: tuple[tuple[str, ...], ...]
    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...] | None
    """Each fact once; `None` without labels, empty for a labelled document without facts."""
    text: str | None = None
    """The original text; `None` if the corpus has only words."""
    offsets: tuple[tuple[Span, ...], ...] | None = None
    """Characters of each word of each sentence in `text`; `None` without a text."""
    pairs: tuple[tuple[int, int], ...] | None = None
    """Subject and object of each pair to classify, if the corpus lists them; `None` for all ordered pairs."""
    directed: bool = True
    """Whether facts hold only from subject to object; if not, the subject is the entity with the lower index."""

    @property
    def words(self) -> int:
        """Number of words."""
        return sum(map(len, self.sentences))

    def text_digest(self) -> str:
        """Return 8 bytes in hexadecimal, the same for documents of the same words, whatever is annotated in them."""
        words = "\0".join(word for sentence in self.sentences for word in sentence)
        return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def name_triples(self) -> Iterable[NameTriple]:
        """Yield each fact once per subject mention and object mention; undirected facts in both directions."""
        for fact in self.facts or ():
            for subject in self.entities[fact.subject].mentions:
                for object_ in self.entities[fact.object].mentions:
                    yield subject.name, object_.name, fact.relation
                    if not self.directed:
                        yield object_.name, subject.name, fact.relation


@dataclass(frozen=True, slots=True)
class RelationUse:
    """How often a corpus uses a relation, and its first fact."""

    relation: str
    """Relation id."""
    facts: int
    """Number of facts."""
    document: int
    """Index of the first fact's document."""
    title: str
    """Title of that document."""
    subject: int
    """Index of the first fact's subject among the document's entities."""
    object: int
    """Index of the first fact's object."""


@dataclass(frozen=True, slots=True)
class CorpusIssues:
    """What is unusual about a corpus file: what was left out of it, and what was kept but may be a mistake."""

    skipped: tuple[str, ...] = ()
    """Messages of the first invalid documents that were skipped."""
    hints: tuple[str, ...] = ()
    """Messages about what is valid, but probably not meant."""
    skipped_documents: int = 0
    """Number of invalid documents that were skipped."""
    duplicate_documents: int = 0
    """Number of documents with the text of an earlier one; kept, except lines that the paper's format repeats and
    equal tasks of Label Studio."""
    duplicate_facts: int = 0
    """Number of facts left out as identical to an earlier one of their document."""
    unmentioned_facts: int = 0
    """Number of facts left out because one of their entities has no mention."""
    negative_labels: int = 0
    """Number of labels left out because they say that no relation holds, for example DocRED's `Na`."""
    self_relations: int = 0
    """Number of facts from an entity to itself, which are kept but not classified."""
    unclassified_facts: int = 0
    """Number of other facts whose pair the corpus does not classify; they are kept."""
    misnamed_mentions: int = 0
    """Number of mentions whose name is not what stands at their words."""
    cut_mentions: int = 0
    """Number of mentions that begin or end inside a word of the text."""
    skipped_relations: int = 0
    """Number of relations and events left out because they do not have two ends."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Number of other things that were left out, by kind."""

    def counts(self) -> dict[str, int]:
        """Return the number of each kind by its key in results."""
        return {
            "skipped_documents": self.skipped_documents,
            "repeated_documents": self.duplicate_documents,
            "merged_facts": self.duplicate_facts,
            "unmentioned_facts": self.unmentioned_facts,
            "negative_labels": self.negative_labels,
            "self_relations": self.self_relations,
            "unclassified_facts": self.unclassified_facts,
            "misnamed_mentions": self.misnamed_mentions,
            "cut_mentions": self.cut_mentions,
            "skipped_relations": self.skipped_relations,
        }


@dataclass(frozen=True)
class RelationVocabulary:
    """The relations that a model knows. Class 0 is TH; the relation at index i has class id i + 1."""

    relations: tuple[str, ...]
    """Relation ids in the order of their class ids."""
    names: Mapping[str, str]
    """Readable names of relations that have one, for example `P17` -> `country`."""
    negative: str | None = None
    """Label of a pair without a relation, for example `Na`: the name with id 0 in `rel2id.json`, if it has one."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """What relations mean, of those that are described."""

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
            AtlopError: The relation is not in the vocabulary.
        """
        try:
            return self._class_ids[relation]
        except KeyError:
            known = ", ".join(self.relations[:8]) + (", …" if len(self.relations) > 8 else "")
            raise AtlopError(f"unknown relation {relation!r}; the model knows {len(self.relations)}: {known}") from None

    def __contains__(self, relation: object) -> bool:
        return relation in self._class_ids

    def relation_of(self, class_id: int) -> str:
        """Return the relation id of a class other than TH."""
        assert class_id != THRESHOLD_CLASS
        return self.relations[class_id - 1]

    def name_of(self, relation: str) -> str:
        """Return the readable name of a relation, or its id if it has none."""
        return self.names.get(relation, relation)

    def words_of(self, relation: str) -> str:
        """Return the readable name of a relation and, if it has one, its description: `works for: a person is …`."""
        name = self.name_of(relation).replace("_", " ")
        return f"{name}: {self.descriptions[relation]}" if relation in self.descriptions else name
