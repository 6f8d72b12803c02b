"""A decision combines thresholds and a fitted curve, and comes with what it is worth."""

import numpy as np
import pytest

from atlop.calibration import CHOOSERS, Candidates, EvidenceCandidates, choose_decision, precision_threshold
from atlop.calibration.choice import FOLDS, PrecisionScores, cross_validated
from atlop.calibration.probability import fit_probability
from atlop.calibration.thresholds import highest_precision
from atlop.decoding import Decision, DecisionName
from atlop.errors import AtlopError
from tests.calibration.made_candidates import made_candidates


@pytest.mark.parametrize("use", ["plain", "offset", "per_class"])
def test_a_decision_holds_its_thresholds_and_the_fitted_curve(use: DecisionName) -> None:
    candidates = made_candidates(seed=4, size=200)
    found = choose_decision(candidates, use=use)

    assert found.decision.use == use
    assert found.decision.offset == CHOOSERS["offset"](candidates).offset
    if use == "per_class":
        assert found.decision.per_class == CHOOSERS["per_class"](candidates).per_class
    else:
        assert found.decision.per_class is None
    assert found.decision.probability is not None
    curve = (found.decision.probability.slope, found.decision.probability.intercept)
    assert curve == fit_probability(candidates.margin, candidates.correct)
    assert list(found.scores) == [name for name in CHOOSERS if name in ("plain", "offset", use)]
    for name, scores in found.scores.items():
        assert scores.f1 == candidates.f1(candidates.accepted(CHOOSERS[name](candidates)))
        assert scores.f1 >= found.scores["plain"].f1
    assert 0 <= found.calibration_error < 0.2


def test_plain_needs_nothing_that_is_chosen_so_cross_validation_changes_nothing() -> None:
    scores = choose_decision(made_candidates(seed=4, size=200)).scores
    assert scores["plain"].cross_validated_f1 == pytest.approx(scores["plain"].f1)
    assert scores["plain"].gain is None
    gain = scores["offset"].gain
    assert gain is not None
    assert gain.value == pytest.approx(scores["offset"].cross_validated_f1 - scores["plain"].f1)
    assert gain.low <= gain.value <= gain.high


def test_no_document_has_a_say_in_the_threshold_that_decides_about_it() -> None:
    candidates, seen = made_candidates(seed=4, size=200), []

    def choose(chosen_on: Candidates) -> Decision:
        seen.append(set(chosen_on.document.tolist()))
        assert not set(np.flatnonzero(chosen_on.gold)) - set(np.flatnonzero(candidates.gold))
        return Decision(use="offset", offset=len(seen))  # the number of the fold

    accepted = cross_validated(candidates, choose)

    every = set(candidates.document.tolist())
    assert len(seen) == FOLDS
    for document in every:
        [fold] = [number for number, used in enumerate(seen, start=1) if document not in used]
        rows = candidates.document == document
        assert accepted[rows].tolist() == (candidates.margin[rows] > fold).tolist()


def test_a_precision_is_reached_with_the_highest_recall() -> None:
    candidates = made_candidates(seed=4, size=200)
    threshold = precision_threshold(candidates, precision=0.8)[1]

    def counts(margin: float) -> tuple[int, int]:
        found = candidates.margin > margin
        return int(candidates.correct[found].sum()), int(found.sum())

    correct, found = counts(threshold)
    assert correct >= 0.8 * found > 0
    for lower in np.unique(candidates.margin[candidates.margin < threshold]):
        more_correct, more_found = counts(np.nextafter(lower, np.float32(-np.inf)))
        assert more_correct < 0.8 * more_found
    assert choose_decision(candidates, precision_target=0.8).decision.offset == threshold


def test_a_precision_target_is_for_the_offset_alone() -> None:
    with pytest.raises(AtlopError, match="only an offset reaches it, but fusion is to decide"):
        choose_decision(made_candidates(seed=4, size=200), use="fusion", precision_target=0.8)


def test_a_precision_that_no_threshold_reaches_is_an_error() -> None:
    candidates = made_candidates(seed=4, size=200)
    wrong = Candidates(**{**vars(candidates), "correct": candidates.margin < np.median(candidates.margin)})
    with pytest.raises(AtlopError, match=r"precision target 0.9: no offset reaches it .* the highest is 0\."):
        choose_decision(wrong, precision_target=0.9)


def test_a_precision_that_is_missed_without_some_documents_is_kept_with_what_it_is_worth_there() -> None:
    document = np.repeat(np.arange(5), 10)  # each is a fold
    sure = document == 2
    correct = sure | (np.arange(50) % 2 == 0)
    candidates = Candidates(
        relations=("R1",),
        document=document,
        subject=np.arange(50),
        object=np.arange(50) + 1,
        class_id=np.ones(50, np.int64),
        margin=np.where(sure, 5, 4).astype(np.float32),
        correct=correct,
        gold=np.full(5, 10),
    )

    found = choose_decision(candidates, precision_target=0.55)  # 0.5 without the sure ones

    assert found.precision is not None
    assert found.precision.precision == pytest.approx(30 / 50)
    assert found.precision.recall == pytest.approx(30 / 50)
    assert len(found.precision.missed_folds) == 1
    assert found.scores["offset"].precision == pytest.approx(30 / 50)
    others = candidates.select(np.arange(5) != 2)
    assert highest_precision(others) == 0.5
    assert precision_threshold(others, precision=0.55)[1] < 4  # all of them
    reached = choose_decision(candidates, precision_target=0.5).precision
    assert reached == PrecisionScores(0.5, precision=0.6, recall=0.6, missed_folds=())


def test_the_evidence_threshold_is_that_of_the_best_f1() -> None:
    share = np.array([0.9, 0.6, 0.5, 0.3, 0.1], np.float32)
    evidence = EvidenceCandidates(share, np.array([True, True, False, True, False]), gold=4)
    found = choose_decision(made_candidates(seed=4, size=200), evidence=evidence)

    threshold = found.decision.evidence_threshold
    assert 0.1 <= threshold < 0.3  # 3 of 4, and one wrong
    assert found.evidence is not None
    assert found.evidence.f1 == evidence.f1(threshold) == pytest.approx(2 * 3 / (4 + 4))
