"""Scores of facts whose entities are predicted too: a fact counts where both entities match gold ones."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass

from atlop.evaluation.entities import EntityMentions, MatchScores, align_entities
from atlop.schema import Document, Fact


@dataclass(frozen=True)
class EndToEndScores:
    """Scores of mentions, entities and facts against gold ones, micro-averaged over documents."""

    mentions: MatchScores
    """A mention is right if its characters are those of a gold mention; types are not compared."""
    entities_strict: MatchScores
    """An entity is right if its mentions are all mentions of a gold entity."""
    entities_overlapping: MatchScores
    """An entity is right if it has a mention in common with a gold entity that no other entity is aligned to."""
    facts_strict: MatchScores
    facts_overlapping: MatchScores


def end_to_end_scores(
    predicted: Sequence[Document], facts: Sequence[Collection[Fact]], *, gold: Sequence[Document]
) -> EndToEndScores:
    """Score predicted entities and facts.

    Args:
        predicted: The documents with predicted entities.
        facts: Predicted facts of each, between these entities.
        gold: The same documents with gold entities and facts. All have texts, so that their mentions have characters.
    """
    predicted_mentions = [entity_mentions(document) for document in predicted]
    gold_mentions = [entity_mentions(document) for document in gold]
    mentions = _counted(
        (set().union(*one), set().union(*other)) for one, other in zip(predicted_mentions, gold_mentions, strict=True)
    )
    by_match: dict[bool, tuple[MatchScores, MatchScores]] = {}
    for strict in (True, False):
        aligned = [
            align_entities(one, other, strict=strict)
            for one, other in zip(predicted_mentions, gold_mentions, strict=True)
        ]
        entities = MatchScores.from_counts(
            correct=sum(map(len, aligned)),
            predicted=sum(map(len, predicted_mentions)),
            gold=sum(map(len, gold_mentions)),
        )
        keys = (
            (_keys(own, entity_of=entity_of, directed=document.directed), {fact.key for fact in document.facts or ()})
            for own, entity_of, document in zip(facts, aligned, gold, strict=True)
        )
        by_match[strict] = entities, _counted(keys)
    (strict_entities, strict_facts), (entities, facts_) = by_match[True], by_match[False]
    return EndToEndScores(mentions, strict_entities, entities, strict_facts, facts_)


def entity_mentions(document: Document) -> EntityMentions:
    """Return the mentions of each entity by their characters."""
    return [{mention.spans for mention in entity.mentions} for entity in document.entities]


def _keys(facts: Iterable[Fact], *, entity_of: dict[int, int], directed: bool) -> set[object]:
    """Return facts between gold entities; an entity without one stands for itself, so that its facts are wrong."""
    keys: set[object] = set()
    for fact in facts:
        pair = [entity_of.get(entity, -1 - entity) for entity in (fact.subject, fact.object)]
        keys.add((*(pair if directed else sorted(pair)), fact.relation))
    return keys


def _counted(documents: Iterable[tuple[Set[object], Set[object]]]) -> MatchScores:
    """Return the scores of what was predicted and what is gold in each document."""
    correct = predicted = gold = 0
    for one, other in documents:
        correct += len(one & other)
        predicted += len(one)
        gold += len(other)
    return MatchScores.from_counts(correct=correct, predicted=predicted, gold=gold)
