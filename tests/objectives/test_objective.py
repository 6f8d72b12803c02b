"""The shared decision rule, compared with a loop over pairs and relations."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from atlop.objectives import Objective, objective_by_name
from tests.reference import decide

CLASSES = 6


AGAINST_TH, RELATIONS_ONLY = objective_by_name("adaptive_thresholding"), objective_by_name("binary_cross_entropy")
each_objective = pytest.mark.parametrize("objective", [AGAINST_TH, RELATIONS_ONLY])


def made_scores(pairs: int = 200) -> Tensor:
    """Scores with ties."""
    return (3 * torch.randn(pairs, CLASSES, generator=torch.Generator().manual_seed(0))).round()


def decided_slowly(scores: Tensor, *, k: int, thresholds: list[float], with_threshold_class: bool) -> Tensor:
    decided = torch.zeros(scores.shape, dtype=torch.bool)
    for pair, row in enumerate(scores.tolist()):
        ranked = sorted(row[1:], reverse=True)
        for relation in range(1, len(row)):
            margin = row[relation] - (row[0] if with_threshold_class else 0)
            decided[pair, relation] = margin > thresholds[relation] and row[relation] >= ranked[:k][-1]
    return decided


@each_objective
@pytest.mark.parametrize("k", [1, 2, 4, 9])
@pytest.mark.parametrize("thresholds", [None, [0.0, 1.0, -1.0, 2.0, 0.0, -3.0]])
def test_decisions_are_those_of_a_loop(objective: Objective, k: int, thresholds: list[float] | None) -> None:
    scores = made_scores()
    tensor = None if thresholds is None else torch.tensor(thresholds)
    found = objective.decide(scores, max_relations=k, thresholds=tensor)
    expected = decided_slowly(
        scores,
        k=k,
        thresholds=thresholds or [0.0] * CLASSES,
        with_threshold_class=objective.has_threshold_class,
    )
    assert found.dtype == torch.bool
    assert torch.equal(found, expected)


@pytest.mark.parametrize("k", range(1, 9))
def test_decisions_against_th_are_those_of_the_reference(k: int) -> None:
    scores = made_scores()
    found = AGAINST_TH.decide(scores, max_relations=k)
    assert not found[:, 0].any()
    assert torch.equal(found[:, 1:], decide(scores, k)[:, 1:])


@each_objective
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_margin_is_what_the_decision_compares(objective: Objective, dtype: torch.dtype) -> None:
    scores = torch.randn(50, CLASSES, generator=torch.Generator().manual_seed(1)).to(dtype)
    margins = objective.margins(scores)
    assert margins.dtype == torch.float32
    assert (margins[:, 0] == -torch.inf).all()
    above = scores[:, 1:].double() - (scores[:, :1].double() if objective.has_threshold_class else 0)
    torch.testing.assert_close(margins[:, 1:], above.float())
    assert torch.equal(objective.decide(scores, max_relations=CLASSES), margins > 0)


def test_the_smallest_difference_of_two_scores_decides() -> None:
    tiny = torch.tensor(0.0).nextafter(torch.tensor(1.0))
    scores = torch.stack([torch.stack([tiny * 0, tiny]), torch.stack([tiny, tiny * 2]), torch.stack([tiny, tiny])])
    assert AGAINST_TH.decide(scores, max_relations=4)[:, 1].tolist() == [True, True, False]


@each_objective
def test_higher_thresholds_leave_fewer_relations(objective: Objective) -> None:
    found = [
        objective.decide(made_scores(), max_relations=4, thresholds=torch.full((CLASSES,), threshold))
        for threshold in (-torch.inf, -2.0, 0.0, 2.0, torch.inf)
    ]
    for fewer, more in ((after, before) for before, after in pairwise(found)):
        assert not (fewer & ~more).any()
        assert fewer.sum() < more.sum()
    assert not found[-1].any()
    assert not found[0][:, 0].any()


def test_a_relation_holds_when_it_scores_above_the_threshold() -> None:
    assert decisions([0.0, 1.0, -1.0, 0.5], k=4) == [1, 3]
    assert decisions([2.0, 1.0, -1.0, 0.5], k=4) == []


def test_a_score_equal_to_the_threshold_does_not_hold() -> None:
    assert decisions([1.0, 1.0, 1.5], k=3) == [2]


def test_only_the_largest_scores_hold_and_ties_at_the_last_place_stay() -> None:
    assert decisions([0.0, 3.0, 2.0, 1.0], k=2) == [1, 2]
    assert decisions([0.0, 3.0, 2.0, 2.0, 1.0], k=2) == [1, 2, 3]
    assert decisions([0.0, 3.0, 3.0, 3.0], k=1) == [1, 2, 3]


def test_th_takes_no_place_among_the_largest_scores() -> None:
    assert decisions([5.0, 6.0, 4.0, 3.0], k=2) == [1]
    assert decisions([5.0, 4.0, 3.0, 2.0], k=1) == []
    assert decisions([5.0, 6.0, 4.0, 3.0], k=2, objective=RELATIONS_ONLY) == [1, 2]
    assert decisions([5.0, 4.0, 3.0, 2.0], k=1, objective=RELATIONS_ONLY) == [1]


def test_a_threshold_below_zero_finds_the_best_relation_of_a_pair_below_th() -> None:
    scores = torch.tensor([[5.0, 4.5, 4.0]])
    found = AGAINST_TH.decide(scores, max_relations=1, thresholds=torch.tensor([0.0, -1.5, -1.5]))
    assert found.tolist() == [[False, True, False]]


def test_k_beyond_the_number_of_classes_is_clamped() -> None:
    assert decisions([0.0, 1.0, 2.0], k=100) == [1, 2]
    assert decisions([0.0, 1.0, 2.0], k=100, objective=RELATIONS_ONLY) == [1, 2]


@each_objective
def test_no_pairs_have_no_decision_and_scores_are_not_changed(objective: Objective) -> None:
    assert objective.decide(torch.zeros(0, CLASSES), max_relations=4).shape == (0, CLASSES)
    scores = made_scores()
    kept = scores.clone()
    objective.decide(scores, max_relations=2)
    assert torch.equal(scores, kept)


def decisions(scores: list[float], *, k: int, objective: Objective = AGAINST_TH) -> list[int]:
    """The classes that are decided for one pair."""
    return objective.decide(torch.tensor([scores]), max_relations=k)[0].nonzero()[:, 0].tolist()
