"""The content of a report's page as one JSON value."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, TypedDict

import numpy as np

from atlop.evaluation import Comparison, DetailedScores, OfficialScores, within_a_sentence
from atlop.report.analysis import DocumentAnalysis
from atlop.report.outcomes import FactKey, Outcome, outcomes
from atlop.schema import Document, Entity, Fact

DIGITS = 3
"""Decimals of scores and margins on the page."""


@dataclass(frozen=True)
class ScoredResult:
    """The facts of a run or a submission, and their scores."""

    name: str
    predictions: Sequence[Collection[Fact]]
    """Facts of each document."""
    scores: OfficialScores
    detailed: DetailedScores | None
    """`None` without gold facts."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What is known about where they come from, by label."""


class PageEntity(TypedDict):
    """An entity of a document."""

    name: str
    type: str
    mentions: list[tuple[int, int, int]]
    """Sentence, first word and one past the last word of each mention."""


class PageFact(TypedDict):
    """A gold or predicted fact."""

    subject: int
    object: int
    relation: int
    """Index among the page's relations."""
    outcome: Outcome | None
    """`None` if only the other result has the fact."""
    other: Outcome | None
    """Outcome in the other result."""
    within: bool
    """Whether a mention of the subject and one of the object share a sentence."""
    margin: float | None
    """`None` without a model, or if it has no score for the fact."""
    gold: list[int]
    """Gold evidence sentences."""
    found: list[int]
    """Predicted evidence sentences."""


class PagePair(TypedDict):
    """The model's scores and context of a pair."""

    subject: int
    object: int
    threshold: float
    scores: list[tuple[int, float]]
    """Relation and score, highest first."""
    shares: list[float]
    """Share of each sentence in the context; empty if unknown."""
    weights: str | None
    """Weight of each word, scaled so that the largest is 255: one byte each, in base64."""
    heaviest: float
    """The largest weight as a share of the weight on all words, from 0 to 1."""


class PageDocument(TypedDict):
    """What the page shows and counts of each document before it is opened."""

    title: str
    facts: list[PageFact]
    """By subject and object."""


class PageText(TypedDict):
    """What the page shows of a document once it is opened; parsed only then."""

    sentences: Sequence[Sequence[str]]
    entities: list[PageEntity]
    pairs: list[PagePair]


def contents(
    documents: Sequence[Document],
    *,
    result: ScoredResult,
    file: Mapping[str, Any],
    names: Mapping[str, str],
    analyses: Sequence[DocumentAnalysis] | None = None,
    other: ScoredResult | None = None,
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """Return the content of the page about a labelled corpus, which `file` describes, and the `texts` of its documents.

    Without a model there are no `analyses`, one per document. `comparison` is `result` minus `other`, and `names` are
    the readable names of relations.
    """
    relations: dict[str, int] = defaultdict(count().__next__)  # numbered in order of first use
    pages, texts = [], []
    for index, document in enumerate(documents):
        analysis = analyses[index] if analyses else None
        facts = _facts(
            document,
            relations=relations,
            found=result.predictions[index],
            other=None if other is None else other.predictions[index],
            margins=analysis.margins if analysis else {},
        )
        pages.append(PageDocument(title=document.title, facts=facts))
        texts.append(
            PageText(
                sentences=document.sentences,
                entities=[_entity(entity) for entity in document.entities],
                pairs=_pairs(analysis, relations=relations) if analysis else [],
            )
        )
    return {
        "file": dict(file),
        "results": [
            {
                "name": scored.name,
                "scores": asdict(scored.scores),
                "detailed": scored.detailed and asdict(scored.detailed),
                "about": dict(scored.about),
            }
            for scored in (result, other)
            if scored is not None
        ],
        "comparison": comparison
        and {kind: {label: asdict(group) for label, group in groups.items()} for kind, groups in comparison.items()},
        "relations": [{"id": relation, "name": names.get(relation, "")} for relation in relations],
        "has_model": analyses is not None,
        "documents": pages,
        "texts": texts,
    }


def _entity(entity: Entity) -> PageEntity:
    mentions = [(mention.sentence, mention.start, mention.end) for mention in entity.mentions]
    return PageEntity(name=entity.name, type=entity.type, mentions=mentions)


def _facts(
    document: Document,
    *,
    relations: dict[str, int],
    found: Collection[Fact],
    other: Collection[Fact] | None,
    margins: Mapping[FactKey, float],
) -> list[PageFact]:
    first = outcomes(document, found=found)
    second: dict[FactKey, Outcome] = {} if other is None else outcomes(document, found=other)
    gold = {fact.key: list(fact.evidence) for fact in document.facts or ()}
    evidence = {fact.key: list(fact.evidence) for fact in found}
    within = within_a_sentence(document)
    facts = []
    for key in first | second:
        subject, object_, relation = key
        facts.append(
            PageFact(
                subject=subject,
                object=object_,
                relation=relations[relation],
                outcome=first.get(key),
                other=second.get(key),
                within=bool(within[subject, object_]),
                margin=round(margins[key], DIGITS) if key in margins else None,
                gold=gold.get(key, []),
                found=evidence.get(key, []),
            )
        )
    return sorted(facts, key=lambda fact: (fact["subject"], fact["object"]))


def _pairs(analysis: DocumentAnalysis, *, relations: dict[str, int]) -> list[PagePair]:
    pairs = []
    for (subject, object_), scores in analysis.pairs.items():
        weights = analysis.weights.get((min(subject, object_), max(subject, object_)))
        if subject > object_ and (object_, subject) in analysis.pairs:
            weights = None  # the other direction has them
        heaviest = 0.0 if weights is None else float(weights.max(initial=0))
        all_words = 0.0 if weights is None else float(weights.sum())
        pairs.append(
            PagePair(
                subject=subject,
                object=object_,
                threshold=round(scores.threshold, DIGITS),
                scores=[(relations[relation], round(score, DIGITS)) for relation, score in scores.relations.items()],
                shares=[round(share, DIGITS) for share in analysis.shares.get((subject, object_), ())],
                weights=None
                if weights is None
                else b64encode(np.rint(255 * weights / (heaviest or 1)).astype(np.uint8).tobytes()).decode("ascii"),
                heaviest=round(heaviest / (all_words or 1), 6),
            )
        )
    return pairs
