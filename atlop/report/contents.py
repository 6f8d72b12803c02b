"""Everything that a report's page shows, as one value that JSON can hold."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import numpy as np

from atlop.evaluation import Comparison, DetailedScores, OfficialScores, within_a_sentence
from atlop.report.outcomes import FactKey, Outcome, outcomes
from atlop.report.reading import Reading
from atlop.schema import Document, Fact

DIGITS = 3
"""Decimals of scores and margins in the page."""


@dataclass(frozen=True)
class Result:
    """What one run, or one submission, found, and how it scores."""

    name: str
    predictions: Sequence[Collection[Fact]]
    """Facts of each document."""
    scores: OfficialScores
    detailed: DetailedScores


class PageEntity(TypedDict):
    """An entity of a document."""

    name: str
    type: str
    mentions: list[tuple[int, int, int]]
    """Sentence, first word and one past the last word of each."""


class PageFact(TypedDict):
    """A fact that is gold or found."""

    subject: int
    object: int
    relation: int
    """Index among the page's relations."""
    outcome: Outcome | None
    """`None` where only the other result has it."""
    other: Outcome | None
    """The same of the other result."""
    within: bool
    """Whether a mention of the subject and one of the object share a sentence."""
    margin: float | None
    """`None` without a model, or where it has no score for the fact."""
    gold: list[int]
    """Evidence sentences of the file."""
    found: list[int]
    """Evidence sentences of the result."""


class PagePair(TypedDict):
    """What the model says of a pair."""

    subject: int
    object: int
    threshold: float
    scores: list[tuple[int, float]]
    """Relation and score, the best first."""
    weights: str | None
    """A byte for each word, in base64: its share of the largest weight, of 255."""
    heaviest: float
    """The largest weight, of 1."""


class PageDocument(TypedDict):
    """A document with all that is known of it."""

    title: str
    sentences: Sequence[Sequence[str]]
    entities: list[PageEntity]
    facts: list[PageFact]
    pairs: list[PagePair]


class Relations:
    """Numbers relations in the order in which they come."""

    def __init__(self, names: Mapping[str, str]):
        """Start with none; `names` are readable names of those that have one."""
        self._names = names
        self._numbers: dict[str, int] = {}

    def __getitem__(self, relation: str) -> int:
        return self._numbers.setdefault(relation, len(self._numbers))

    def as_json(self) -> list[dict[str, str]]:
        """Return id and name of each."""
        return [{"id": relation, "name": self._names.get(relation, "")} for relation in self._numbers]


def contents(
    documents: Sequence[Document],
    *,
    result: Result,
    file: Mapping[str, Any],
    names: Mapping[str, str],
    readings: Sequence[Reading] | None = None,
    other: Result | None = None,
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """Return what the page shows.

    Args:
        documents: The corpus, labelled.
        result: What was found in it.
        file: What is told of the corpus's file.
        names: Readable names of relations.
        readings: What the model says of each document; `None` without a model.
        other: A second result, to compare.
        comparison: The first result minus the second.
    """
    relations = Relations(names)
    pages = [
        _document(
            document,
            relations=relations,
            found=result.predictions[index],
            other=None if other is None else other.predictions[index],
            reading=readings[index] if readings else None,
        )
        for index, document in enumerate(documents)
    ]
    return {
        "file": dict(file),
        "results": [
            {"name": each.name, "scores": asdict(each.scores), "detailed": asdict(each.detailed)}
            for each in (result, other)
            if each is not None
        ],
        "comparison": comparison
        and {kind: {label: asdict(group) for label, group in groups.items()} for kind, groups in comparison.items()},
        "relations": relations.as_json(),
        "documents": pages,
    }


def _document(
    document: Document,
    *,
    relations: Relations,
    found: Collection[Fact],
    other: Collection[Fact] | None,
    reading: Reading | None,
) -> PageDocument:
    return PageDocument(
        title=document.title,
        sentences=document.sentences,
        entities=[
            PageEntity(
                name=entity.name,
                type=entity.type,
                mentions=[(mention.sentence, mention.start, mention.end) for mention in entity.mentions],
            )
            for entity in document.entities
        ],
        facts=_facts(document, relations=relations, found=found, other=other, reading=reading),
        pairs=_pairs(reading, relations=relations) if reading else [],
    )


def _facts(
    document: Document,
    *,
    relations: Relations,
    found: Collection[Fact],
    other: Collection[Fact] | None,
    reading: Reading | None,
) -> list[PageFact]:
    first = outcomes(document, found=found)
    second: dict[FactKey, Outcome] = {} if other is None else outcomes(document, found=other)
    gold = {fact.key: list(fact.evidence) for fact in document.facts or ()}
    evidence = {fact.key: list(fact.evidence) for fact in found}
    within = within_a_sentence(document)
    facts = []
    for key in first | second:
        subject, object_, relation = key
        margin = reading.margins.get(key) if reading else None
        facts.append(
            PageFact(
                subject=subject,
                object=object_,
                relation=relations[relation],
                outcome=first.get(key),
                other=second.get(key),
                within=bool(within[subject, object_]),
                margin=None if margin is None else round(margin, DIGITS),
                gold=gold.get(key, []),
                found=evidence.get(key, []),
            )
        )
    return facts


def _pairs(reading: Reading, *, relations: Relations) -> list[PagePair]:
    pairs = []
    for (subject, object_), scores in reading.pairs.items():
        weights = reading.weights.get((min(subject, object_), max(subject, object_)))
        if subject > object_ and (object_, subject) in reading.pairs:
            weights = None  # it stands with the other direction
        heaviest = 0.0 if weights is None else float(weights.max(initial=0))
        pairs.append(
            PagePair(
                subject=subject,
                object=object_,
                threshold=round(scores.threshold, DIGITS),
                scores=[(relations[relation], round(score, DIGITS)) for relation, score in scores.relations.items()],
                weights=None
                if weights is None
                else b64encode(np.rint(255 * weights / (heaviest or 1)).astype(np.uint8).tobytes()).decode("ascii"),
                heaviest=round(heaviest, 6),
            )
        )
    return pairs
