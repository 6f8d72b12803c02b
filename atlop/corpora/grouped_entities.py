"""Entities by the names of their mentions, for files that do not say which mentions are of one entity."""

from collections.abc import Sequence
from dataclasses import replace

from atlop.corpora.text.annotation import annotated_text
from atlop.corpora.text.entity_grouping import NamedMention, group_mentions
from atlop.schema import NO_IDENTIFIER, Document, Entity


def with_entities_by_name(document: Document) -> Document:
    """Return a document whose entities are joined by the names of their mentions; facts that become equal are one.

    What is one entity already stays one. Pairs of an entity with itself are left out.

    Raises:
        AtlopError: A mention has only empty words.
    """
    annotated = annotated_text(document, where=f'document "{document.title}"')
    named = []
    for (index, number), spans in annotated.mentions.items():
        entity = document.entities[index]
        cluster = index if len(entity.mentions) > 1 else None
        identifier = None if entity.identifier in NO_IDENTIFIER else entity.identifier
        named.append(NamedMention(spans, entity.mentions[number].type, identifier, cluster))
    numbers = group_mentions(named, text=annotated.text)
    number_of = {index: number for (index, _), number in zip(annotated.mentions, numbers, strict=True)}
    groups: dict[int, list[Entity]] = {number: [] for number in range(max(numbers, default=-1) + 1)}
    for index, entity in enumerate(document.entities):
        groups[number_of[index]].append(entity)

    def renumbered(subject: int, object_: int) -> tuple[int, int]:
        pair = number_of[subject], number_of[object_]
        return pair if document.directed else (min(pair), max(pair))

    facts = None
    if document.facts is not None:
        moved = []
        for fact in document.facts:
            subject, object_ = renumbered(fact.subject, fact.object)
            moved.append(replace(fact, subject=subject, object=object_))
        facts = tuple({fact.key: fact for fact in reversed(moved)}.values())[::-1]
    pairs = None
    if document.pairs is not None:
        renamed = (renumbered(*pair) for pair in document.pairs)
        pairs = tuple(dict.fromkeys(pair for pair in renamed if pair[0] != pair[1]))
    return replace(document, entities=tuple(map(_joined, groups.values())), facts=facts, pairs=pairs)


def _joined(entities: Sequence[Entity]) -> Entity:
    mentions = [mention for entity in entities for mention in entity.mentions]
    mentions.sort(key=lambda mention: (mention.sentence, mention.start, mention.end))
    identifiers = [entity.identifier for entity in entities if entity.identifier is not None]
    identifiers.sort(key=lambda identifier: identifier in NO_IDENTIFIER)  # known ones first
    return Entity(tuple(mentions), identifiers[0] if identifiers else None, entities[0].own_type)
