"""Statistics of a corpus."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from atlop.schema import Document, Fact


@dataclass(frozen=True)
class CorpusStatistics:
    """Counts and shares of a corpus; those of labels are `None` if no document is labelled."""

    documents: int
    labelled_documents: int
    """Documents with labels, even empty ones."""
    sentences: int
    words: int
    words_mean: float
    """Per document; 0 without documents."""
    words_max: int
    """Of the longest document."""
    entities: int
    entities_max: int
    """Largest number in a document."""
    mentions: int
    pairs: int
    """Pairs to classify: those that a document lists, else all pairs of different entities, undirected ones once."""
    facts: int | None
    pairs_with_fact: int | None
    pairs_with_several: int | None
    """Pairs with at least two relations."""
    self_relations: int | None
    """Facts from an entity to itself."""
    relations: dict[str, int] | None
    """Number of facts of each relation, most frequent first."""
    cross_sentence_share: float | None
    """Share of facts whose entities share no sentence; `None` without facts."""
    without_evidence_share: float | None
    """Share of facts without evidence; `None` without facts."""
    repeated_titles: tuple[str, ...]
    """Titles of more than one document, in order."""
    documents_without_pairs: int
    """Documents without pairs to classify: fewer than two entities, or an empty list of pairs."""


def corpus_statistics(documents: Iterable[Document]) -> CorpusStatistics:
    """Count what the documents hold; in memory are one document and all titles."""
    tally = _Tally()
    for document in documents:
        tally.add(document)
    return tally.result()


@dataclass
class _Tally:
    """Running totals, named as in `CorpusStatistics`."""

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
        words, entities, pairs = document.words, len(document.entities), _pair_count(document)
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
            self._add_facts(
                document.facts, sentences=[{m.sentence for m in entity.mentions} for entity in document.entities]
            )

    def _add_facts(self, facts: tuple[Fact, ...], *, sentences: list[set[int]]) -> None:
        """Count the facts of a document, given the sentences of each entity."""
        by_pair = Counter((fact.subject, fact.object) for fact in facts)
        self.relations.update(fact.relation for fact in facts)
        self.pairs_with_fact += len(by_pair)
        self.pairs_with_several += sum(count > 1 for count in by_pair.values())
        self.self_relations += sum(fact.subject == fact.object for fact in facts)
        self.cross_sentence += sum(sentences[fact.subject].isdisjoint(sentences[fact.object]) for fact in facts)
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


def _pair_count(document: Document) -> int:
    if document.pairs is not None:
        return len(set(document.pairs if document.directed else map(frozenset, document.pairs)))
    ordered = len(document.entities) * (len(document.entities) - 1)
    return ordered if document.directed else ordered // 2
