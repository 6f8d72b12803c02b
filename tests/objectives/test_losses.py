"""Every objective compared with its equation, and properties of all objectives."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pytest
import torch
from torch import Tensor

from atlop.errors import AtlopError
from atlop.objectives import OBJECTIVES, Objective, objective_by_name
from atlop.objectives.objective import PairwiseObjective
from tests.objectives import equations

CLASSES = 6
SHARES = (0.0, 0.1, 0.32, 0.02, 0.0, 0.25)

EQUATIONS: dict[str, Callable[..., Tensor]] = {
    name: getattr(equations, name) for name in OBJECTIVES if name != "positive_unlabelled"
}
PARAMETERS: list[tuple[str, Mapping[str, float]]] = [
    *((name, {}) for name in EQUATIONS),
    ("adaptive_focal", {"focus": 0.5}),
    ("adaptive_focal", {"focus": 2.0}),
    ("adaptive_focal", {"focus": 0.0}),
    ("hinge_weighted", {"margin": 1.0}),
    ("adaptive_margin", {"margin": 0.3}),
    ("moving_threshold", {"positive_entropy_weight": 0.5, "negative_entropy_weight": 0.0}),
    ("none_class_ranking", {"shift": 0.05}),
    ("none_class_ranking", {"shift": 0.5}),
    ("weighted_softmax", {"positive_weight": 6.0}),
]
each_loss = pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
each_objective = pytest.mark.parametrize("name", OBJECTIVES)


def objective(name: str, parameters: Mapping[str, float] | None = None) -> Objective:
    """An objective with given class shares."""
    return objective_by_name(name, parameters=parameters).with_class_shares(torch.tensor(SHARES))


def pairwise(name: str, parameters: Mapping[str, float]) -> PairwiseObjective:
    return cast(PairwiseObjective, objective(name, parameters))


def example(pairs: int = 30) -> tuple[Tensor, Tensor]:
    """Scores in float64 and labels; the first pair has no relation, the second every one."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(pairs, CLASSES, generator=generator, dtype=torch.float64)
    labels = torch.rand(pairs, CLASSES, generator=generator) < 0.3
    labels[:, 0] = False
    labels[0] = False
    labels[1:2, 1:] = True
    return scores, labels


def held_relations(labels: Tensor) -> list[Sequence[int]]:
    return [row.nonzero()[:, 0].tolist() for row in labels]


def reference_loss(name: str, scores: Tensor, labels: Tensor, **parameters: float) -> Tensor:
    """The loss of each pair, `[pairs]`."""
    held = held_relations(labels)
    return torch.stack([EQUATIONS[name](s, relations, **parameters) for s, relations in zip(scores, held, strict=True)])


def total_and_gradient(found: Objective, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    scores = scores.clone().requires_grad_()
    total = found.total(scores, labels)
    total.backward()
    assert scores.grad is not None
    return total.detach(), scores.grad


@each_loss
def test_the_loss_of_each_pair_and_its_gradient_are_those_of_the_equation(
    name: str, parameters: Mapping[str, float]
) -> None:
    scores, labels = example()
    expected = reference_loss(name, scores.requires_grad_(), labels, **parameters)
    (gradient,) = torch.autograd.grad(expected.sum(), scores)
    found = pairwise(name, parameters).loss(scores, labels)
    assert found.shape == (30,)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(torch.autograd.grad(found.sum(), scores)[0], gradient, rtol=1e-9, atol=1e-9)


@each_loss
def test_the_gradient_is_that_of_finite_differences(name: str, parameters: Mapping[str, float]) -> None:
    scores, labels = example(pairs=8)
    objective_ = pairwise(name, parameters)
    assert torch.autograd.gradcheck(lambda s: objective_.loss(s, labels), scores.requires_grad_())


@pytest.mark.parametrize("pairs", [30, 2, 1])
@pytest.mark.parametrize("scale", [1.0, 0.02])  # small margins make the estimated risk of negatives negative
def test_positive_unlabelled_learning_is_that_of_its_equations(pairs: int, scale: float) -> None:
    scores, labels = example(pairs)
    scores *= scale
    scores[labels] += 3  # far above TH, so that taking positives away leaves less than nothing
    objective_ = objective("positive_unlabelled")
    expected = equations.positive_unlabelled(scores.requires_grad_(), held_relations(labels), shares=SHARES) * pairs
    found = objective_.total(scores, labels)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    gradients = [torch.autograd.grad(value, scores)[0] for value in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-9)
    assert torch.autograd.gradcheck(lambda s: objective_.total(s, labels), scores)


def test_negatives_of_less_than_no_risk_are_unlearned() -> None:
    scores = torch.tensor([[0.0, 9.0], [0.0, -0.25]], dtype=torch.float64)  # the second one is where it should be
    labels = torch.tensor([[False, True], [False, False]])
    found = objective_by_name("positive_unlabelled").with_class_shares(torch.tensor([0.0, 0.3]))
    total, gradient = total_and_gradient(found, scores, labels)
    unlabelled = (0.9 - 0.3) / 0.7
    assert total == pytest.approx(2 * unlabelled * 0.1 / (1 - unlabelled) * 9.25**2 / 4, rel=1e-5)
    assert gradient[0, 1] > 0


def test_a_relation_that_would_hold_for_every_pair_has_no_prior() -> None:
    with pytest.raises(AtlopError, match=r"prior_factor: 3 times 0\.4000, .* is not below 1; use less than 2\.50"):
        objective_by_name("positive_unlabelled").with_class_shares(torch.tensor([0.0, 0.1, 0.4]))


@each_objective
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_scores_give_finite_values_and_gradients(name: str, dtype: torch.dtype) -> None:
    extremes = torch.tensor([-1e4, 0.0, 1e4])
    scores = torch.cartesian_prod(*[extremes] * 4).to(dtype)
    objective_ = objective_by_name(name).with_class_shares(torch.tensor(SHARES[:4]))
    for positive in torch.cartesian_prod(*[torch.tensor([False, True])] * 3):
        labels = torch.zeros(scores.shape, dtype=torch.bool)
        labels[:, 1:] = positive
        total, gradient = total_and_gradient(objective_, scores, labels)
        assert total.dtype == torch.float32
        assert total.isfinite()
        assert total >= 0
        assert gradient.isfinite().all()


@each_objective
def test_half_precision_scores_are_computed_in_float32(name: str) -> None:
    scores, labels = example()
    coarse = scores.bfloat16()
    assert torch.equal(objective(name).total(coarse, labels), objective(name).total(coarse.float(), labels))


@each_objective
def test_float32_is_near_float64(name: str) -> None:
    scores, labels = example()
    total, gradient = total_and_gradient(objective(name), scores.float(), labels)
    exact, exact_gradient = total_and_gradient(objective(name), scores.float().double(), labels)
    torch.testing.assert_close(total.double(), exact, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), exact_gradient, rtol=1e-4, atol=1e-5)


@each_objective
def test_no_pairs_add_nothing(name: str) -> None:
    total, gradient = total_and_gradient(
        objective(name), torch.zeros(0, CLASSES), torch.zeros(0, CLASSES, dtype=torch.bool)
    )
    assert total == 0
    assert gradient.shape == (0, CLASSES)


@each_objective
def test_the_total_is_the_sum_over_pairs_except_where_pairs_are_estimated_from_together(name: str) -> None:
    scores, labels = example()
    objective_ = objective(name)
    whole = objective_.total(scores, labels)
    parts = objective_.total(scores[:10], labels[:10]) + objective_.total(scores[10:], labels[10:])
    assert torch.isclose(whole, parts, rtol=1e-9) == (name != "positive_unlabelled")
    twice = objective_.total(torch.cat([scores, scores]), torch.cat([labels, labels]))
    torch.testing.assert_close(twice, 2 * whole)  # of every objective: pairs count alike


@each_objective
def test_labels_and_scores_are_not_changed_and_the_label_of_th_is_ignored(name: str) -> None:
    scores, labels = example()
    labels[3, 0] = True
    kept_scores, kept_labels = scores.clone(), labels.clone()
    total = objective(name).total(scores, labels)
    assert torch.equal(scores, kept_scores)
    assert torch.equal(labels, kept_labels)
    labels[3, 0] = False
    assert torch.equal(objective(name).total(scores, labels), total)


@each_objective
def test_only_objectives_against_th_train_it(name: str) -> None:
    scores, labels = example()
    _, gradient = total_and_gradient(objective(name), scores, labels)
    assert bool(gradient[:, 0].any()) == objective(name).has_threshold_class
    assert gradient[:, 1:].any(dim=0).all()


@each_objective
def test_learning_the_scores_themselves_leads_to_the_labels(name: str) -> None:
    scores, labels = example()
    scores = scores.float().requires_grad_()
    objective_ = objective(name)
    optimizer = torch.optim.Adam([scores], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (objective_.total(scores, labels) / len(scores)).backward()
        optimizer.step()
    decided = objective_.decide(scores.detach(), max_relations=CLASSES)
    # Positive-unlabelled learning estimates, from few pairs here; and where TH is a class like the others, it goes down
    # together with the negatives of a pair that has positives.
    max_error = 0.3 if name in {"positive_unlabelled", "binary_cross_entropy_with_th"} else 0.01
    assert (~decided[labels]).float().mean() < max_error
    assert decided[~labels].float().mean() < max_error


def test_an_objective_that_is_not_known_is_named() -> None:
    with pytest.raises(AtlopError, match=r"objective\.name: no objective 'adaptive'; known are adaptive_thresholding"):
        objective_by_name("adaptive")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("adaptive_focal", {"focu": 1.0}, r"objective\.parameters\.focu: unknown key; did you mean focus\?"),
        (
            "adaptive_thresholding",
            {"focus": 1.0},
            r"parameters\.focus: unknown key; this section has no keys",
        ),
        ("none_class_ranking", {"shift": 1.0}, r"objective\.parameters\.shift: .* less than 1; found 1\.0"),
        ("hinge_weighted", {"margin": float("nan")}, r"objective\.parameters\.margin: .* found nan"),
    ],
)
def test_a_parameter_that_the_objective_does_not_have_is_refused(
    name: str, parameters: Mapping[str, float], message: str
) -> None:
    with pytest.raises(AtlopError, match=message):
        objective_by_name(name, parameters=parameters)


def test_every_parameter_of_an_objective_is_described() -> None:
    for name, kind in OBJECTIVES.items():
        for key, field in kind.model_fields.items():
            assert field.description, f"{name}: {key}"


@each_objective
def test_an_objective_costs_the_memory_that_it_names(name: str) -> None:
    scores, labels = torch.randn(1000, 97, requires_grad=True) * 1, torch.rand(1000, 97) < 0.02
    kept = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        objective_by_name(name).with_class_shares(torch.full((97,), 0.02)).total(scores, labels)
    for argument in (scores, labels):
        kept.pop(argument.untyped_storage().data_ptr(), None)
    [named] = re.findall(r"Keeps ([0-9.]+) times the scores", OBJECTIVES[name].__doc__ or "")
    assert float(named) == pytest.approx(sum(kept.values()) / scores.nbytes, abs=0.06)
