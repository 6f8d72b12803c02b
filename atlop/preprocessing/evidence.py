"""Evidence of facts by a rule, for corpora without annotated evidence (EIDER, arXiv 2106.08657, heuristic evidence)."""

from dataclasses import replace
from difflib import SequenceMatcher

from atlop.schema import Document, Entity


def with_rule_evidence(document: Document) -> Document:
    """Return a document whose facts have the evidence of the rule instead of their own.

    1. The sentences that name both entities.
    2. If there are none, the sentences that name one of them together with a bridge: an entity that shares a sentence
       with each. It is the entity that the title names, if it is one of these, otherwise the one with most mentions.
    3. The first sentence of an entity that no sentence so far names.
    """
    if not document.facts:
        return document
    rule = _Rule(document)
    facts = tuple(replace(fact, evidence=rule.evidence(fact.subject, fact.object)) for fact in document.facts)
    return replace(document, facts=facts)


class _Rule:
    """The rule for the pairs of one document."""

    def __init__(self, document: Document):
        self._sentences = [{mention.sentence for mention in entity.mentions} for entity in document.entities]
        title = document.title.casefold()
        entities = range(len(document.entities))
        titled = max(entities, key=lambda entity: _similarity(document.entities[entity], title))
        mentions = [len(entity.mentions) for entity in document.entities]
        self._bridges = sorted(entities, key=lambda entity: (entity != titled, -mentions[entity]))

    def evidence(self, subject: int, object_: int) -> tuple[int, ...]:
        ends = [self._sentences[entity] for entity in (subject, object_)]
        found = ends[0] & ends[1]
        if not found:
            shared = ([self._sentences[bridge] & end for end in ends] for bridge in self._bridges)
            found = next((first | second for first, second in shared if first and second), set())
        found |= {min(end) for end in ends if not found & end}
        return tuple(sorted(found))


def _similarity(entity: Entity, title: str) -> float:
    """Return how close the closest name of an entity is to the title, from 0 to 1."""
    names = {mention.name.casefold() for mention in entity.mentions}
    return max(SequenceMatcher(None, name, title, autojunk=False).ratio() for name in names)
