"""Numbers that describe a corpus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from atlop.schema import Document, Entity


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
    """Ordered pairs of different entities, over all documents."""
    facts: int | None
    pairs_with_fact: int | None
    pairs_with_several: int | None
    """Pairs with two relations or more."""
    relations: dict[str, int] | None
    """Number of facts of each relation, most frequent first."""
    cross_sentence_share: float | None
    """Share of facts whose entities are named in no common sentence; `None` without facts."""
    without_evidence_share: float | None
    """Share of facts that list no evidence; `None` without facts."""
    repeated_titles: tuple[str, ...]
    """Titles that more than one document has, in order."""
    documents_without_pairs: int
    """Documents with fewer than two entities."""


def statistics_of(documents: Sequence[Document]) -> CorpusStatistics:
    """Count what the documents hold."""
    words = [document.words for document in documents]
    entities = [len(document.entities) for document in documents]
    labelled = [(document, document.facts) for document in documents if document.facts is not None]
    relations: Counter[str] = Counter()
    pairs: list[int] = []  # relations on each pair that has one
    cross_sentence = without_evidence = 0
    for document, facts in labelled:
        relations.update(fact.relation for fact in facts)
        pairs.extend(Counter((fact.subject, fact.object) for fact in facts).values())
        named_in = list(map(_sentences_of, document.entities))
        cross_sentence += sum(named_in[fact.subject].isdisjoint(named_in[fact.object]) for fact in facts)
        without_evidence += sum(not fact.evidence for fact in facts)
    total = relations.total()
    titles = Counter(document.title for document in documents)
    return CorpusStatistics(
        documents=len(documents),
        labelled_documents=len(labelled),
        sentences=sum(len(document.sentences) for document in documents),
        words=sum(words),
        words_mean=sum(words) / len(words) if words else 0.0,
        words_max=max(words, default=0),
        entities=sum(entities),
        entities_max=max(entities, default=0),
        mentions=sum(len(entity.mentions) for document in documents for entity in document.entities),
        pairs=sum(count * (count - 1) for count in entities),
        facts=total if labelled else None,
        pairs_with_fact=len(pairs) if labelled else None,
        pairs_with_several=sum(count > 1 for count in pairs) if labelled else None,
        relations=dict(sorted(relations.items(), key=lambda item: (-item[1], item[0]))) if labelled else None,
        cross_sentence_share=cross_sentence / total if total else None,
        without_evidence_share=without_evidence / total if total else None,
        repeated_titles=tuple(title for title, count in titles.items() if count > 1),
        documents_without_pairs=sum(count < 2 for count in entities),
    )


def _sentences_of(entity: Entity) -> frozenset[int]:
    return frozenset(mention.sentence for mention in entity.mentions)
