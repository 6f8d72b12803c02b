"""Turn decisions on pairs into facts; stored thresholds and probabilities."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.json_values import typed
from atlop.schema import THRESHOLD_CLASS, Fact, RelationVocabulary

Rule: TypeAlias = Literal["global", "per_class"]
"""Whether all relations share one threshold or each has its own."""


EVIDENCE_THRESHOLD = 0.2
"""Share of a pair's localized context above which a sentence is evidence; published (DREEAM)."""


class Calibration(Section):
    """Thresholds of margins, and probabilities of facts by their margin; chosen on a labelled corpus."""

    rule: Rule
    thresholds: dict[str, float]
    """Margin that a fact must exceed, by relation; 0 is the objective's own rule."""
    slope: float = Field(gt=0)
    """A fact with margin m holds with probability `σ(slope · m + intercept)`."""
    intercept: float
    """See `slope`."""

    def class_thresholds(self, vocabulary: RelationVocabulary) -> NDArray[np.float32]:
        """Return the threshold of each class, `[classes]`; TH has 0, which is not used."""
        thresholds = np.zeros(vocabulary.classes, dtype=np.float32)
        thresholds[THRESHOLD_CLASS + 1 :] = [self.thresholds[relation] for relation in vocabulary.relations]
        return thresholds

    def probability(self, margin: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of facts from their margins, in the shape of `margin`."""
        return np.exp(-np.logaddexp(0.0, -(self.slope * margin.astype(np.float64) + self.intercept)))


def read_calibration(values: object, *, vocabulary: RelationVocabulary) -> Calibration:
    """Parse the fields of a calibration, from JSON, of a model with these relations.

    Raises:
        AtlopError: A field is missing, unknown or of another type, or the relations differ from the model's.
    """
    calibration = typed(values, Calibration, where="calibration", advice="`atlop calibrate` writes a new one")
    if differing := sorted(set(calibration.thresholds) ^ set(vocabulary.relations)):
        raise AtlopError(
            f"calibration: it has thresholds for {len(calibration.thresholds)} relations, but the model knows "
            f"{len(vocabulary.relations)} (only one has {', '.join(differing[:8])}); `atlop calibrate` writes a new one"
        )
    return calibration


def decoded_facts(
    decisions: NDArray[np.bool_],
    *,
    pairs: NDArray[np.int32],
    vocabulary: RelationVocabulary,
    evidence: NDArray[np.bool_] | None = None,
) -> tuple[Fact, ...]:
    """Return the facts of one document, pair by pair.

    Args:
        decisions: Whether each relation holds, `[pairs, classes]`; the column of TH is false.
        pairs: Subject and object of each pair, `[pairs, 2]`.
        vocabulary: Relation of each class.
        evidence: Whether each sentence is evidence of the pair's facts, `[pairs, sentences]`.
    """
    pair_rows, class_ids = np.nonzero(decisions)
    return tuple(
        Fact(
            subject=int(subject),
            object=int(object_),
            relation=vocabulary.relation_of(int(class_id)),
            evidence=() if evidence is None else tuple(np.flatnonzero(evidence[row]).tolist()),
        )
        for row, (subject, object_), class_id in zip(pair_rows, pairs[pair_rows], class_ids, strict=True)
    )
