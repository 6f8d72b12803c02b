"""What a model says of the pairs that a report shows: the scores of their best classes, and where it looked."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from atlop.inference.explanation import word_weights
from atlop.prediction import DecisionRule, DocumentScores
from atlop.preprocessing import Preprocessor
from atlop.report.outcomes import FactKey
from atlop.schema import THRESHOLD_CLASS, Document, Fact

BEST_CLASSES = 5
"""Classes of a pair whose scores are shown, besides those of its facts."""

Pair = tuple[int, int]
"""Subject and object."""


@dataclass(frozen=True)
class PairScores:
    """What the model says of one pair."""

    threshold: float
    """Score of TH; 0 of an objective that does not compare with it."""
    relations: dict[str, float]
    """Score of each shown relation, the best first."""


@dataclass(frozen=True)
class Reading:
    """What the model says of one document."""

    facts: tuple[Fact, ...]
    """What it finds."""
    margins: dict[FactKey, float]
    """How far each shown fact is above what decides, in nats; without those whose pair or relation has no score."""
    pairs: dict[Pair, PairScores]
    """Each pair of a shown fact."""
    weights: dict[Pair, NDArray[np.float64]] = field(default_factory=dict)
    """Weight of each word in the pair's localized context, `[words]`, the lower entity first: it is the same in both
    directions. Empty of a model without context."""


class Reader:
    """Notes what a model says of each document while its scores pass; attention is not kept."""

    def __init__(
        self,
        documents: Sequence[Document],
        *,
        rule: DecisionRule,
        preprocessor: Preprocessor,
        others: Sequence[Collection[Fact]] | None = None,
    ):
        """Start with nothing.

        Args:
            documents: The corpus, labelled.
            rule: Decides.
            preprocessor: Has preprocessed the documents.
            others: Further facts of each document to show.
        """
        self._documents = documents
        self._rule = rule
        self._preprocessor = preprocessor
        self._others = others or [()] * len(documents)
        self._readings: dict[int, Reading] = {}

    def watch(self, scored: Iterable[DocumentScores]) -> Iterator[DocumentScores]:
        """Yield the scores of documents on, noted and without attention."""
        for each in scored:
            self._readings[each.index] = self._read(each)
            yield replace(each, attention=None)

    def result(self) -> list[Reading]:
        """Return what was noted, in the order of the corpus."""
        return [self._readings[index] for index in range(len(self._documents))]

    def _read(self, scored: DocumentScores) -> Reading:
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
        of_pair: dict[Pair, list[int]] = {pair: [] for pair in pairs}
        for (subject, object_, _), class_id in class_of.items():
            of_pair[subject, object_].append(class_id)
        return Reading(
            facts=facts,
            margins={key: float(margins[key[:2]][class_id]) for key, class_id in class_of.items()},
            pairs={pair: self._pair_scores(scores[pair], shown=classes) for pair, classes in of_pair.items()},
            weights=self._weights(scored, pairs=pairs),
        )

    def _pair_scores(self, scores: NDArray[np.float32], *, shown: list[int]) -> PairScores:
        """Return the scores of the best classes of a pair and of those that are shown anyway, from `[classes]`."""
        order = np.argsort(-scores, kind="stable")
        best = [class_id for class_id in order.tolist() if class_id != THRESHOLD_CLASS][:BEST_CLASSES]
        classes = sorted({*best, *shown}, key=lambda class_id: -scores[class_id])
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
