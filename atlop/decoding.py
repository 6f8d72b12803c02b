"""The stored decision, and facts from decisions on pairs."""

from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.json_values import typed
from atlop.schema import Fact, RelationVocabulary

DecisionName: TypeAlias = Literal["plain", "offset", "per_class", "fusion"]
"""`plain`: a relation holds if it scores above TH, or as its objective says; `offset`: its margin exceeds one
threshold; `per_class`: its margin exceeds that of its relation; `fusion`: its margin exceeds one,
fused with its margin in shorter documents made of evidence (`atlop.fusion`)."""

DECISIONS: tuple[DecisionName, ...] = get_args(DecisionName)

EVIDENCE_THRESHOLD = 0.2
"""Share of a pair's localized context above which a sentence is evidence; published (DREEAM)."""


class Probability(Section):
    """A fact with margin m holds with probability `σ(slope · m + intercept)`."""

    slope: float = Field(gt=0)
    intercept: float

    def at(self, margin: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of facts from their margins, in the shape of `margin`."""
        return np.exp(-np.logaddexp(0.0, -(self.slope * margin.astype(np.float64) + self.intercept)))


class Fusion(Section):
    """The fused margin of a fact is `m¹ + w · m²`, or `m¹ + b` for a pair that no pseudo document has.

    m¹ is its margin in the whole document, m² its largest one in the pseudo documents.
    """

    weight: float = Field(ge=0)
    """w."""
    missing: float
    """b, in nats."""
    threshold: float
    """Fused margin that a fact must exceed."""
    probability: Probability | None = None
    """Probability of a fact by its fused margin."""


def fused_margin(
    margin: NDArray[np.float32], pseudo_margin: NDArray[np.float32], *, weight: float, missing: float
) -> NDArray[np.float32]:
    """Return fused margins by `Fusion`, in the shape of `margin`.

    Args:
        margin: Margins in the whole document.
        pseudo_margin: Largest margins in pseudo documents, in the same shape; −∞ where none has the pair.
        weight: w.
        missing: b, in nats.
    """
    has_pair = np.isfinite(pseudo_margin)
    weighted = np.float32(weight) * np.where(has_pair, pseudo_margin, np.float32(0))
    return margin + np.where(has_pair, weighted, np.float32(missing))


class Decision(Section):
    """What turns scores into facts, and shares into evidence; chosen on a labelled corpus by `atlop calibrate`."""

    use: DecisionName
    """Which of the rules below decides."""
    offset: float | None = None
    """Margin that a fact must exceed."""
    per_class: dict[str, float] | None = None
    """Margin that a fact must exceed, by relation."""
    fusion: Fusion | None = None
    """Weights and threshold of fused margins."""
    probability: Probability | None = None
    """Probability of a fact by its margin."""
    evidence_threshold: float = Field(default=EVIDENCE_THRESHOLD, ge=0, le=1)
    """Share of a pair's localized context that a sentence must exceed to be evidence of the pair's facts."""

    @model_validator(mode="after")
    def _has_its_rule(self) -> Self:
        self.using(self.use)
        return self

    def using(self, name: DecisionName) -> Self:
        """Return a copy that decides by another of its rules.

        Raises:
            ValueError: It was not chosen.
        """
        if name != "plain" and getattr(self, name) is None:
            raise ValueError(f"there is no {name} to decide by")
        return self if name == self.use else self.model_copy(update={"use": name})

    def probabilities(self, margin: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """Return the probability of facts from the margins that decide, in the shape of `margin`; `None` if unknown."""
        probability = self.fusion.probability if self.use == "fusion" and self.fusion else self.probability
        return None if probability is None else probability.at(margin)

    def thresholds(self, vocabulary: RelationVocabulary) -> NDArray[np.float32] | None:
        """Return the threshold of each class's margin, `[classes]`, of which TH's is not used; `None` for `plain`."""
        match self.use:
            case "plain":
                return None
            case "per_class":
                assert self.per_class is not None
                return np.array([0, *map(self.per_class.__getitem__, vocabulary.relations)], dtype=np.float32)
            case "offset":
                threshold = self.offset
            case "fusion":
                assert self.fusion is not None
                threshold = self.fusion.threshold
        return np.full(vocabulary.classes, threshold, dtype=np.float32)


PLAIN = Decision(use="plain")
"""What decides where nothing was chosen."""


def read_decision(values: object, *, vocabulary: RelationVocabulary) -> Decision:
    """Parse a decision, from JSON, of a model with these relations.

    Raises:
        AtlopError: A field is missing, unknown or of another type, or the relations differ from the model's.
    """
    decision = typed(values, Decision, where="decision", advice="`atlop calibrate` writes a new one")
    per_class = decision.per_class
    if per_class is not None and (differing := sorted(set(per_class) ^ set(vocabulary.relations))):
        raise AtlopError(
            f"decision: it has thresholds for {len(per_class)} relations, but the model knows "
            f"{len(vocabulary.relations)} (only one has {', '.join(differing[:8])}); `atlop calibrate` writes a new one"
        )
    return decision


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
    pair_rows, class_ids = held_relations(decisions)
    is_evidence = np.zeros((len(pair_rows), 0), bool) if evidence is None else evidence[pair_rows]
    facts, sentences = np.nonzero(is_evidence)
    stops = np.searchsorted(facts, np.arange(len(pair_rows)), side="right")
    numbers, first = sentences.tolist(), 0
    found = []
    for (subject, object_), class_id, stop in zip(
        pairs[pair_rows].tolist(), class_ids.tolist(), stops.tolist(), strict=True
    ):
        found.append(Fact(subject, object_, vocabulary.relation_of(class_id), evidence=tuple(numbers[first:stop])))
        first = stop
    return tuple(found)


def held_relations(decisions: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and class of each relation that holds in `[pairs, classes]`; faster than `np.nonzero`."""
    rows, class_ids = np.divmod(np.flatnonzero(decisions), decisions.shape[1])
    return rows, class_ids
