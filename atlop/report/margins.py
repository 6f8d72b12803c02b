"""Histogram of the margins of gold facts and all other relations, and precision and recall by threshold."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.calibration import Candidates
from atlop.schema import Document
from atlop.scores import DecisionRule, DocumentScores

BIN_WIDTH = 0.25
"""Bin width of the histogram in nats."""


@dataclass(frozen=True)
class MarginHistogram:
    """Counts of a corpus's relations by margin."""

    edges: NDArray[np.float64]
    """Bin edges, `[bins + 1]`."""
    positives: NDArray[np.int64]
    """Relations that hold in each bin, `[bins]`."""
    negatives: NDArray[np.int64]
    """Relations that do not hold in each bin, `[bins]`."""


class MarginCounter:
    """Counts the margins of all relations of all pairs in a stream of scores, without storing the scores."""

    def __init__(self, documents: Sequence[Document], *, rule: DecisionRule):
        """Start empty; the documents are labelled."""
        self._documents = documents
        self._rule = rule
        self._positives: Counter[int] = Counter()
        self._negatives: Counter[int] = Counter()

    def watch(self, scored: Iterable[DocumentScores]) -> Iterator[DocumentScores]:
        """Count the margins of each document, and yield its scores unchanged."""
        for document in scored:
            margins = self._rule.objective.margins(document.scores).numpy()
            is_gold = self._is_gold(document)
            is_relation = np.isfinite(margins)  # all but TH, and what fusion leaves out
            for counts, selected in ((self._positives, is_gold), (self._negatives, ~is_gold)):
                bins, number = np.unique(np.floor(margins[is_relation & selected] / BIN_WIDTH), return_counts=True)
                counts.update(dict(zip(bins.astype(np.int64).tolist(), number.tolist(), strict=True)))
            yield document

    def result(self) -> MarginHistogram:
        """Return the histogram."""
        counted = [*self._positives, *self._negatives] or [0]
        bins = range(min(counted), max(counted) + 1)
        return MarginHistogram(
            edges=BIN_WIDTH * np.arange(bins.start, bins.stop + 1, dtype=np.float64),
            positives=np.array([self._positives[index] for index in bins], dtype=np.int64),
            negatives=np.array([self._negatives[index] for index in bins], dtype=np.int64),
        )

    def _is_gold(self, scored: DocumentScores) -> NDArray[np.bool_]:
        """Return which relations hold, `[pairs, classes]`."""
        vocabulary = self._rule.vocabulary
        row_of = {(subject, object_): row for row, (subject, object_) in enumerate(scored.pairs.tolist())}
        is_gold = np.zeros((len(row_of), vocabulary.classes), dtype=bool)
        for fact in self._documents[scored.index].facts or ():
            row = row_of.get((fact.subject, fact.object))
            if row is not None and fact.relation in vocabulary:
                is_gold[row, vocabulary.class_of(fact.relation)] = True
        return is_gold


def precision_recall(
    candidates: Candidates,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return precision and recall if all candidates at or above a threshold are predicted.

    Returns:
        Thresholds, precision and recall, each `[thresholds]`, the highest threshold first.
    """
    order = np.argsort(-candidates.margin, kind="stable")
    margins = candidates.margin[order].astype(np.float64)
    is_last = np.append(margins[1:] != margins[:-1], True)[: len(margins)]  # equal margins share a threshold
    correct, predicted = np.cumsum(candidates.correct[order])[is_last], np.flatnonzero(is_last) + 1
    return margins[is_last], correct / predicted, correct / max(int(candidates.gold.sum()), 1)
