"""Statistics of a corpus."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from atlop.schema import Document


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
    """Largest number of entities in a document."""
    mentions: int
    pairs: int
    """Pairs to classify: those that a document lists, otherwise all pairs of two entities, undirected ones once."""
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
    """Titles of more than one document, in order of first appearance."""
    documents_without_pairs: int
    """Documents without pairs to classify: fewer than two entities, or an empty list of pairs."""


def corpus_statistics(documents: Iterable[Document]) -> CorpusStatistics:
    """Compute the statistics of documents; one document and all titles are in memory."""
    titles: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    words_max = entities_max = 0
    for document in documents:
        titles[document.title] += 1
        relations.update(fact.relation for fact in document.facts or ())
        sums.update(_counts(document))
        words_max = max(words_max, document.words)
        entities_max = max(entities_max, len(document.entities))
    facts, labelled = relations.total(), sums["labelled_documents"] > 0
    return CorpusStatistics(
        documents=titles.total(),
        labelled_documents=sums["labelled_documents"],
        sentences=sums["sentences"],
        words=sums["words"],
        words_mean=sums["words"] / titles.total() if titles else 0.0,
        words_max=words_max,
        entities=sums["entities"],
        entities_max=entities_max,
        mentions=sums["mentions"],
        pairs=sums["pairs"],
        facts=facts if labelled else None,
        pairs_with_fact=sums["pairs_with_fact"] if labelled else None,
        pairs_with_several=sums["pairs_with_several"] if labelled else None,
        self_relations=sums["self_relations"] if labelled else None,
        relations=dict(sorted(relations.items(), key=lambda item: (-item[1], item[0]))) if labelled else None,
        cross_sentence_share=sums["cross_sentence"] / facts if facts else None,
        without_evidence_share=sums["without_evidence"] / facts if facts else None,
        repeated_titles=tuple(title for title, count in titles.items() if count > 1),
        documents_without_pairs=sums["documents_without_pairs"],
    )


def _counts(document: Document) -> dict[str, int]:
    facts, pairs = document.facts or (), _pair_count(document)
    by_pair = Counter((fact.subject, fact.object) for fact in facts)
    sentences = [{mention.sentence for mention in entity.mentions} for entity in document.entities]
    return {
        "labelled_documents": document.facts is not None,
        "sentences": len(document.sentences),
        "words": document.words,
        "entities": len(document.entities),
        "mentions": sum(len(entity.mentions) for entity in document.entities),
        "pairs": pairs,
        "documents_without_pairs": not pairs,
        "pairs_with_fact": len(by_pair),
        "pairs_with_several": sum(count > 1 for count in by_pair.values()),
        "self_relations": sum(fact.subject == fact.object for fact in facts),
        "cross_sentence": sum(sentences[fact.subject].isdisjoint(sentences[fact.object]) for fact in facts),
        "without_evidence": sum(not fact.evidence for fact in facts),
    }


def _pair_count(document: Document) -> int:
    if document.pairs is not None:
        return len(set(document.pairs if document.directed else map(frozenset, document.pairs)))
    ordered = len(document.entities) * (len(document.entities) - 1)
    return ordered if document.directed else ordered // 2
