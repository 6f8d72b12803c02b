"""What a model finds in a document: facts or, where nothing is one, what came closest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from atlop.decoding import held_relations
from atlop.inference.facts import Context
from atlop.schema import THRESHOLD_CLASS
from atlop.scores import DecisionRule, DocumentScores, Pair

NEAR_MISSES = 5
"""Relations that are described of a document without facts, at most."""


@dataclass(frozen=True, slots=True)
class FoundFacts:
    """The facts of a document, as the model finds them, pair by pair."""

    pairs: NDArray[np.int32]
    """Subject and object of each fact, `[facts, 2]`."""
    class_ids: NDArray[np.int64]
    """Class of each fact, `[facts]`."""
    margins: NDArray[np.float32]
    """Margin of each fact, `[facts]`."""
    shares: NDArray[np.float32]
    """Share of each sentence in the localized context of each fact's pair, `[facts, sentences]`."""
    contexts: Mapping[Pair, Context]
    """What the model read for each pair, if that was requested."""
    hold: bool = True
    """Whether these are facts; if not, they are near misses."""

    @classmethod
    def from_scores(cls, scored: DocumentScores, *, rule: DecisionRule) -> Self:
        """Return the facts of scores, without contexts."""
        rows, class_ids = held_relations(rule.decisions(scored))
        return cls._at(rows, class_ids, scored=scored, rule=rule)

    @classmethod
    def near_misses(cls, scored: DocumentScores, *, rule: DecisionRule) -> Self:
        """Return what is closest to its threshold, closest first, in a document without facts; without contexts."""
        margins = rule.objective.margins(scored.scores)
        missing = margins if rule.thresholds is None else margins - rule.thresholds
        relation_margins = missing[:, THRESHOLD_CLASS + 1 :]
        closest = relation_margins.flatten().topk(min(NEAR_MISSES, relation_margins.numel()))
        best = closest.indices[closest.values.isfinite()].numpy()
        rows, relations = np.divmod(best, relation_margins.shape[1])
        return replace(cls._at(rows, relations + THRESHOLD_CLASS + 1, scored=scored, rule=rule), hold=False)

    @classmethod
    def _at(
        cls, rows: NDArray[np.int64], class_ids: NDArray[np.int64], *, scored: DocumentScores, rule: DecisionRule
    ) -> Self:
        margins = rule.objective.margins(scored.scores[rows]).numpy()[np.arange(len(rows)), class_ids]
        shares = np.zeros((len(rows), 0), np.float32) if scored.evidence is None else scored.evidence[rows].numpy()
        return cls(scored.pairs[rows], class_ids, margins, shares, {})
