"""Thresholds are optimal, compared with an exhaustive search."""

from itertools import product

import numpy as np
import pytest

from atlop.calibration import Candidates, global_threshold, per_class_thresholds
from tests.calibration.made_candidates import made_candidates


def f1(candidates: Candidates, thresholds: dict[int, float]) -> float:
    """Return F1 by counting candidate by candidate."""
    correct = found = 0
    for class_id, margin, holds in zip(candidates.class_id, candidates.margin, candidates.correct, strict=True):
        if margin > thresholds[int(class_id)]:
            found += 1
            correct += bool(holds)
    return 2 * correct / (found + int(candidates.gold.sum()))


def cut_points(candidates: Candidates) -> list[float]:
    return [*np.unique(candidates.margin).tolist(), -np.inf]


@pytest.mark.parametrize("seed", range(10))
def test_no_global_threshold_is_better(seed: int) -> None:
    candidates = made_candidates(seed=seed)
    best = max(f1(candidates, dict.fromkeys(range(1, 4), threshold)) for threshold in cut_points(candidates))
    chosen = global_threshold(candidates)
    assert len(set(chosen.tolist())) == 1
    assert candidates.f1(candidates.decide(chosen)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_no_change_of_one_relations_threshold_is_better(seed: int) -> None:
    candidates = made_candidates(seed=seed)
    chosen = per_class_thresholds(candidates)
    reached = candidates.f1(candidates.decide(chosen))
    assert reached >= candidates.f1(candidates.decide(global_threshold(candidates)))
    for class_id in range(1, 4):
        for threshold in cut_points(candidates):
            thresholds = {each: float(chosen[each]) for each in range(1, 4)} | {class_id: threshold}
            assert f1(candidates, thresholds) <= reached + 1e-12


def test_thresholds_of_each_relation_reach_the_best_of_all_combinations_here() -> None:
    candidates = made_candidates(seed=3, size=25, relations=2, values=4)
    best = max(f1(candidates, {1: one, 2: two}) for one, two in product(cut_points(candidates), repeat=2))
    assert candidates.f1(candidates.decide(per_class_thresholds(candidates))) == pytest.approx(best, abs=1e-12)


def test_a_threshold_lies_in_the_middle_between_two_margins() -> None:
    candidates = made_candidates(seed=0)
    margin = float(global_threshold(candidates)[1])
    below, above = (
        candidates.margin[candidates.margin < margin].max(),
        candidates.margin[candidates.margin > margin].min(),
    )
    assert margin == (below + above) / 2


def test_margins_next_to_each_other_are_told_apart() -> None:
    upper = np.float32(1.0)
    lower = np.nextafter(upper, np.float32(0.0))
    candidates = Candidates(
        relations=("R1",),
        document=np.zeros(2, dtype=np.int64),
        subject=np.zeros(2, dtype=np.int64),
        object=np.ones(2, dtype=np.int64),
        class_id=np.ones(2, dtype=np.int64),
        margin=np.array([upper, lower]),
        correct=np.array([True, False]),
        gold=np.array([1]),
    )
    assert candidates.f1(candidates.decide(global_threshold(candidates))) == 1.0


def test_a_relation_without_candidates_keeps_the_global_threshold() -> None:
    candidates = made_candidates(seed=1, relations=3)
    candidates = Candidates(**{**candidates.__dict__, "relations": (*candidates.relations, "R4")})
    assert per_class_thresholds(candidates)[4] == global_threshold(candidates)[4]


def test_without_any_candidate_every_threshold_is_zero() -> None:
    empty = made_candidates(seed=0, size=0)
    assert global_threshold(empty).tolist() == [0.0] * 4
    assert per_class_thresholds(empty).tolist() == [0.0] * 4


def test_where_nothing_is_correct_nothing_is_found() -> None:
    made = made_candidates(seed=0)
    wrong = Candidates(**{**made.__dict__, "correct": np.zeros(len(made.margin), dtype=np.bool_)})
    assert not wrong.decide(global_threshold(wrong)).any()
