"""Numbers that describe a corpus."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from atlop.schema import Document, Entity, Fact


@dataclass(frozen=True)
class CorpusStatistics:
    """Counts and shares of a corpus, all plain values; what rests on labels is `None` where no document has any."""

    documents: int
    labelled_documents: int
    """Documents with labels, be they empty."""
    sentences: int
    words: int
    words_mean: float
    """Per document; 0 without documents."""
    words_max: int
    """Of the longest document."""
    entities: int
    entities_max: int
    """Of the document with the most."""
    mentions: int
    pairs: int
    """Pairs to classify, over all documents: those that a document lists, else all of two different entities.

    An undirected document has each pair once, not in both directions.
    """
    facts: int | None
    pairs_with_fact: int | None
    pairs_with_several: int | None
    """Pairs with two relations or more."""
    self_relations: int | None
    """Facts from an entity to itself."""
    relations: dict[str, int] | None
    """Number of facts of each relation, most frequent first."""
    cross_sentence_share: float | None
    """Share of facts whose entities are named in no common sentence; `None` without facts."""
    without_evidence_share: float | None
    """Share of facts that list no evidence; `None` without facts."""
    repeated_titles: tuple[str, ...]
    """Titles that more than one document has, in order."""
    documents_without_pairs: int
    """Documents without a pair to classify: with fewer than two entities, or with an empty list of pairs."""


def corpus_statistics(documents: Iterable[Document]) -> CorpusStatistics:
    """Count what the documents hold; one is held at a time, and of the others the titles."""
    tally = _Tally()
    for document in documents:
        tally.add(document)
    return tally.result()


@dataclass
class _Tally:
    """Running totals; named as in `CorpusStatistics` where they are the same."""

    titles: Counter[str] = field(default_factory=Counter)
    labelled_documents: int = 0
    sentences: int = 0
    words: int = 0
    words_max: int = 0
    entities: int = 0
    entities_max: int = 0
    mentions: int = 0
    pairs: int = 0
    documents_without_pairs: int = 0
    pairs_with_fact: int = 0
    pairs_with_several: int = 0
    self_relations: int = 0
    cross_sentence: int = 0
    without_evidence: int = 0
    relations: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        words, entities, pairs = document.words, len(document.entities), _pairs(document)
        self.titles[document.title] += 1
        self.sentences += len(document.sentences)
        self.words += words
        self.words_max = max(self.words_max, words)
        self.entities += entities
        self.entities_max = max(self.entities_max, entities)
        self.mentions += sum(len(entity.mentions) for entity in document.entities)
        self.pairs += pairs
        self.documents_without_pairs += not pairs
        if document.facts is not None:
            self.labelled_documents += 1
            self._add_facts(document.facts, named_in=list(map(_sentences_of, document.entities)))

    def _add_facts(self, facts: tuple[Fact, ...], *, named_in: list[frozenset[int]]) -> None:
        """Count the facts of a document; its entities are named in these sentences."""
        on_pairs = Counter((fact.subject, fact.object) for fact in facts)
        self.relations.update(fact.relation for fact in facts)
        self.pairs_with_fact += len(on_pairs)
        self.pairs_with_several += sum(count > 1 for count in on_pairs.values())
        self.self_relations += sum(fact.subject == fact.object for fact in facts)
        self.cross_sentence += sum(named_in[fact.subject].isdisjoint(named_in[fact.object]) for fact in facts)
        self.without_evidence += sum(not fact.evidence for fact in facts)

    def result(self) -> CorpusStatistics:
        documents, facts, labelled = self.titles.total(), self.relations.total(), bool(self.labelled_documents)
        most_frequent = sorted(self.relations.items(), key=lambda item: (-item[1], item[0]))
        return CorpusStatistics(
            documents=documents,
            labelled_documents=self.labelled_documents,
            sentences=self.sentences,
            words=self.words,
            words_mean=self.words / documents if documents else 0.0,
            words_max=self.words_max,
            entities=self.entities,
            entities_max=self.entities_max,
            mentions=self.mentions,
            pairs=self.pairs,
            facts=facts if labelled else None,
            pairs_with_fact=self.pairs_with_fact if labelled else None,
            pairs_with_several=self.pairs_with_several if labelled else None,
            self_relations=self.self_relations if labelled else None,
            relations=dict(most_frequent) if labelled else None,
            cross_sentence_share=self.cross_sentence / facts if facts else None,
            without_evidence_share=self.without_evidence / facts if facts else None,
            repeated_titles=tuple(title for title, count in self.titles.items() if count > 1),
            documents_without_pairs=self.documents_without_pairs,
        )


def _pairs(document: Document) -> int:
    """Return the number of pairs to classify."""
    if document.pairs is not None:
        return len(set(document.pairs if document.directed else map(frozenset, document.pairs)))
    ordered = len(document.entities) * (len(document.entities) - 1)
    return ordered if document.directed else ordered // 2


def _sentences_of(entity: Entity) -> frozenset[int]:
    return frozenset(mention.sentence for mention in entity.mentions)
