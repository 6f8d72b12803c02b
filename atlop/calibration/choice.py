"""Choose a decision on a labelled corpus, and say what it is worth on documents that it has not seen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.calibration.candidates import Candidates
from atlop.calibration.evidence import EvidenceCandidates, evidence_threshold
from atlop.calibration.fusion import choose_fusion
from atlop.calibration.probability import expected_calibration_error, fit_probability
from atlop.calibration.thresholds import (
    global_threshold,
    highest_precision,
    per_class_thresholds,
    precision_threshold,
)
from atlop.decoding import EVIDENCE_THRESHOLD, PLAIN, Decision, DecisionName, Probability
from atlop.errors import AtlopError
from atlop.evaluation import F1, PRECISION, RECALL, Estimate, bootstrap, compute_metrics, interval

FOLDS = 5
"""Folds of the cross-validation: what decides about the documents of each is chosen on the others."""
_SEED = 66

Chooser = Callable[[Candidates], Decision]


def _offset(candidates: Candidates) -> Decision:
    return Decision(use="offset", offset=float(global_threshold(candidates)[-1]))


def _per_class(candidates: Candidates) -> Decision:
    thresholds = map(float, per_class_thresholds(candidates)[1:])
    return Decision(use="per_class", per_class=dict(zip(candidates.relations, thresholds, strict=True)))


CHOOSERS: Mapping[DecisionName, Chooser] = {
    "plain": lambda _: PLAIN,
    "offset": _offset,
    "per_class": _per_class,
    "fusion": lambda candidates: Decision(use="fusion", fusion=choose_fusion(candidates)),
}
"""How each decision is chosen on the candidates of a corpus."""


@dataclass(frozen=True)
class DecisionScores:
    """What a decision is worth, from 0 to 1."""

    f1: float
    """Micro-averaged F1 on the documents that it was chosen on, so optimistic."""
    cross_validated_f1: float
    """Micro-averaged F1 where the decision about each document was chosen without it. The evidence that a fusion reads
    may be chosen with it."""
    gain: Estimate | None
    """`cross_validated_f1` minus that of `plain`, or of the offset for fusion, with an interval over documents; `None`
    for `plain`."""
    precision: float
    """By cross-validation."""
    recall: float
    """By cross-validation."""


@dataclass(frozen=True)
class PrecisionScores:
    """What an offset that has to reach a precision is worth, from 0 to 1; by cross-validation, see `DecisionScores`."""

    target: float
    precision: float
    """On the documents that it was chosen on: at least the target, so optimistic."""
    recall: float
    """On the same documents."""
    missed_folds: tuple[int, ...]
    """Folds of the cross-validation, from 1, without which no offset reaches the target; that of the highest precision
    decides about their documents."""


@dataclass(frozen=True)
class EvidenceScores:
    """Micro-averaged F1 of evidence of the pairs that have annotated evidence, from 0 to 1."""

    f1_before: float
    """With the published threshold."""
    f1: float
    """With the chosen threshold, on the documents that it was chosen on."""


@dataclass(frozen=True)
class ChosenDecision:
    """A decision, and its scores on the corpus that it was chosen on."""

    decision: Decision
    scores: dict[DecisionName, DecisionScores]
    """Of `plain`, and of every rule that the decision has."""
    calibration_error: float
    """Expected calibration error of the probabilities of all candidates, from 0 to 1; optimistic."""
    evidence: EvidenceScores | None
    """`None` if the evidence threshold was not chosen."""
    precision: PrecisionScores | None = None
    """`None` without a precision target."""


def choose_decision(
    candidates: Candidates,
    *,
    use: DecisionName = "offset",
    precision_target: float | None = None,
    evidence: EvidenceCandidates | None = None,
) -> ChosenDecision:
    """Choose thresholds, and fit probabilities.

    Args:
        candidates: Candidates of a labelled corpus that the model was not trained on.
        use: Which rule decides; an offset is chosen in any case.
        precision_target: Precision that the offset has to reach, with the highest recall; by default it is the one of
            the best F1.
        evidence: Sentences among which the evidence threshold of the best F1 is chosen; by default it is the published.

    Raises:
        AtlopError: `precision_target` is given with another rule than the offset, or no offset reaches it;
            probabilities cannot be fitted (see `fit_probability`); there is no annotated evidence.
    """
    if precision_target is not None and use != "offset":
        raise AtlopError(f"precision target: only an offset reaches it, but {use} is to decide; give one of the two")
    if precision_target is not None and (highest := highest_precision(candidates)) < precision_target:
        raise AtlopError(
            f"precision target {precision_target:g}: no offset reaches it on these documents; the highest is "
            f"{highest:.3f}, so give a lower one"
        )
    choosers = {name: CHOOSERS[name] for name in CHOOSERS if name in ("plain", "offset", use)}
    if precision_target is not None:
        target = precision_target
        choosers["offset"] = lambda chosen_on: Decision(
            use="offset", offset=float(precision_threshold(chosen_on, precision=target)[-1])
        )
    chosen = {name: choose(candidates) for name, choose in choosers.items()}
    probability = _probability(candidates.margin, candidates.correct)
    fusion = chosen[use].fusion
    if fusion is not None:
        fused = candidates.fused_margin(weight=fusion.weight, missing=fusion.missing)
        fusion = fusion.model_copy(update={"probability": _probability(fused, candidates.correct)})
    decision = Decision(
        use=use,
        offset=chosen["offset"].offset,
        per_class=chosen[use].per_class,
        fusion=fusion,
        probability=probability,
        evidence_threshold=EVIDENCE_THRESHOLD if evidence is None else evidence_threshold(evidence),
    )
    return ChosenDecision(
        decision,
        scores=dict(_scores(candidates, choosers=choosers, chosen=chosen)),
        calibration_error=expected_calibration_error(probability.at(candidates.margin), candidates.correct),
        evidence=None
        if evidence is None
        else EvidenceScores(f1_before=evidence.f1(EVIDENCE_THRESHOLD), f1=evidence.f1(decision.evidence_threshold)),
        precision=None
        if precision_target is None
        else _precision(candidates, target=precision_target, decision=chosen["offset"]),
    )


def _precision(candidates: Candidates, *, target: float, decision: Decision) -> PrecisionScores:
    metrics = compute_metrics(candidates.counts(candidates.accepted(decision)).sum(axis=0))
    fold = _folds(candidates)
    others = [candidates.select(fold != number) for number in range(fold.max(initial=-1) + 1)]
    return PrecisionScores(
        target,
        precision=float(metrics[PRECISION]),
        recall=float(metrics[RECALL]),
        missed_folds=tuple(n for n, each in enumerate(others, start=1) if highest_precision(each) < target),
    )


def _probability(margin: NDArray[np.float32], correct: NDArray[np.bool_]) -> Probability:
    slope, intercept = fit_probability(margin, correct)
    return Probability(slope=slope, intercept=intercept)


def cross_validated(candidates: Candidates, choose: Chooser) -> NDArray[np.bool_]:
    """Return which candidates are accepted, by a decision that was chosen without their document, `[candidates]`."""
    fold = _folds(candidates)
    accepted = np.zeros(len(candidates.margin), dtype=np.bool_)
    for number in range(fold.max(initial=-1) + 1):
        decision = choose(candidates.select(fold != number))
        accepted |= candidates.accepted(decision) & (fold[candidates.document] == number)
    return accepted


def _folds(candidates: Candidates) -> NDArray[np.int64]:
    """Return the fold of each document, from 0, `[documents]`."""
    documents = len(candidates.gold)
    fold = np.empty(documents, dtype=np.int64)
    fold[np.random.default_rng(_SEED).permutation(documents)] = np.arange(documents) % FOLDS
    return fold


def _scores(
    candidates: Candidates,
    *,
    choosers: Mapping[DecisionName, Chooser],
    chosen: Mapping[DecisionName, Decision],
) -> Iterator[tuple[DecisionName, DecisionScores]]:
    accepted = [cross_validated(candidates, choose) for choose in choosers.values()]
    counts = np.stack([candidates.counts(each) for each in accepted], axis=1)  # [documents, decisions, 4]
    metrics = compute_metrics(counts.sum(axis=0))
    samples = bootstrap(counts, statistic=lambda sums: compute_metrics(sums)[..., F1])
    references = [list(choosers).index("offset" if name == "fusion" else "plain") for name in choosers]
    low, high = interval(samples - samples[:, references])
    for row, (name, reference) in enumerate(zip(choosers, references, strict=True)):
        gain = float(metrics[row, F1] - metrics[reference, F1])
        yield (
            name,
            DecisionScores(
                f1=candidates.f1(candidates.accepted(chosen[name])),
                cross_validated_f1=float(metrics[row, F1]),
                gain=None if name == "plain" else Estimate(gain, float(low[row]), float(high[row])),
                precision=float(metrics[row, PRECISION]),
                recall=float(metrics[row, RECALL]),
            ),
        )
