"""Scores and context words of the pairs that a report shows."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation import PairEvidence
from atlop.inference.explanation import word_weights
from atlop.preprocessing import Preprocessor
from atlop.report.outcomes import FactKey
from atlop.schema import THRESHOLD_CLASS, Document, Fact
from atlop.scores import DecisionRule, DocumentScores, Pair

BEST_CLASSES = 5
"""Highest-scoring classes of a pair that are shown, in addition to those of its facts."""


@dataclass(frozen=True)
class PairScores:
    """The shown scores of one pair."""

    threshold: float
    """Score of TH; 0 if the objective does not use it."""
    relations: dict[str, float]
    """Score of each shown relation, highest first."""


@dataclass(frozen=True)
class DocumentAnalysis:
    """A model's predictions for one document, with scores and context."""

    facts: tuple[Fact, ...]
    """Predicted facts."""
    margins: dict[FactKey, float]
    """Margin of each shown fact in nats; facts without a score, or without one after fusion, are missing."""
    pairs: dict[Pair, PairScores]
    """Scores of each pair with a shown fact."""
    shares: dict[Pair, list[float]] = field(default_factory=dict)
    """Share of each sentence in the localized context of each pair in `pairs`, without truncated sentences. Empty for a
    model without localized context."""
    pair_evidence: PairEvidence | None = None
    """Evidence of each pair in `pairs`; `None` for a model without localized context."""
    weights: dict[Pair, NDArray[np.float64]] = field(default_factory=dict)
    """Weight of each word in the localized context, `[words]`, by pair, lower entity first; both directions share
    it. Empty for a model without localized context."""


class AnalysisCollector:
    """Collects the analysis of each document from a stream of scores, without storing attention."""

    def __init__(
        self,
        documents: Sequence[Document],
        *,
        rule: DecisionRule,
        preprocessor: Preprocessor,
        others: Sequence[Collection[Fact]] | None = None,
    ):
        """Start empty; `others` are more facts of each labelled document to show."""
        self._documents = documents
        self._rule = rule
        self._preprocessor = preprocessor
        self._others = others or [()] * len(documents)
        self._analyses: dict[int, DocumentAnalysis] = {}

    def watch(self, scored: Iterable[DocumentScores]) -> Iterator[DocumentScores]:
        """Analyse each document, and yield its scores without attention."""
        for document in scored:
            self._analyses[document.index] = self._analyse(document)
            yield replace(document, attention=None)

    def result(self) -> list[DocumentAnalysis]:
        """Return the analyses in the order of the corpus."""
        return [self._analyses[index] for index in range(len(self._documents))]

    def _analyse(self, scored: DocumentScores) -> DocumentAnalysis:
        document = self._documents[scored.index]
        facts = self._rule.facts(scored)
        shown = {fact.key for fact in (*(document.facts or ()), *facts, *self._others[scored.index])}
        row_of = {(subject, object_): row for row, (subject, object_) in enumerate(scored.pairs.tolist())}
        pairs = sorted({(subject, object_) for subject, object_, _ in shown if (subject, object_) in row_of})
        rows = [row_of[pair] for pair in pairs]
        margins = dict(zip(pairs, self._rule.objective.margins(scored.scores[rows]).numpy(), strict=True))
        scores = dict(zip(pairs, scored.scores[rows].numpy(), strict=True))
        vocabulary = self._rule.vocabulary
        class_of = {key: vocabulary.class_of(key[2]) for key in shown if key[2] in vocabulary and key[:2] in scores}
        classes: dict[Pair, list[int]] = {pair: [] for pair in pairs}
        for (subject, object_, _), class_id in class_of.items():
            classes[subject, object_].append(class_id)
        found_margins = {key: float(margins[key[:2]][class_id]) for key, class_id in class_of.items()}
        return DocumentAnalysis(
            facts=facts,
            margins={key: margin for key, margin in found_margins.items() if np.isfinite(margin)},
            pairs={pair: self._pair_scores(scores[pair], shown=ids) for pair, ids in classes.items()},
            shares={} if scored.evidence is None else dict(zip(pairs, scored.evidence[rows].tolist(), strict=True)),
            pair_evidence=self._rule.evidence(scored, pairs=set(pairs)),
            weights=self._weights(scored, pairs=pairs),
        )

    def _pair_scores(self, scores: NDArray[np.float32], *, shown: list[int]) -> PairScores:
        """Return the highest scores of a pair and those of the shown classes, from `[classes]`; −∞ is no score."""
        order = np.argsort(-scores, kind="stable")
        best = [class_id for class_id in order.tolist() if class_id != THRESHOLD_CLASS][:BEST_CLASSES]
        classes = sorted(
            (class_id for class_id in {*best, *shown} if np.isfinite(scores[class_id])),
            key=lambda class_id: -scores[class_id],
        )
        return PairScores(
            threshold=float(scores[THRESHOLD_CLASS]) if self._rule.objective.has_threshold_class else 0.0,
            relations={self._rule.vocabulary.relation_of(class_id): float(scores[class_id]) for class_id in classes},
        )

    def _weights(self, scored: DocumentScores, *, pairs: list[Pair]) -> dict[Pair, NDArray[np.float64]]:
        if scored.attention is None or not pairs:
            return {}
        document = self._documents[scored.index]
        words = self._preprocessor.token_words(document)
        undirected = sorted({(min(pair), max(pair)) for pair in pairs})
        return dict(word_weights(undirected, document=document, attention=scored.attention, words=words))
