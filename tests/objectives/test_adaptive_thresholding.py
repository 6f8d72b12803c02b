"""The loss of adaptive thresholding, against the equations pair by pair."""

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from atlop.errors import AtlopError
from atlop.objectives import OBJECTIVES, AdaptiveThresholding, objective_named
from tests.golden_values import GOLDEN, each_batch, each_encoder, golden_batch, read_golden
from tests.reference import adaptive_thresholding_loss_by_pair

OBJECTIVE = AdaptiveThresholding()
CLASSES = 6


def example(pairs: int = 40) -> tuple[Tensor, Tensor]:
    """Scores and labels; the first pair has no relation, the second every one."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(pairs, CLASSES, generator=generator)
    labels = torch.rand(pairs, CLASSES, generator=generator) < 0.3
    labels[:, 0] = False
    labels[0] = False
    labels[1, 1:] = True
    return scores, labels


@each_encoder
@each_batch
def test_golden_loss_of_the_golden_scores(name: str, batch_name: str) -> None:
    expected = read_golden(f"{name}/expected.json")[batch_name]
    scores = load_file(GOLDEN / name / "forward.safetensors")[f"{batch_name}.logits"]
    labels = golden_batch(name, expected["documents"]).dense_labels(7)
    assert OBJECTIVE.loss(scores, labels).mean().item() == pytest.approx(expected["loss"], rel=1e-5)


def test_the_loss_of_each_pair_is_that_of_the_equations() -> None:
    scores, labels = example()
    found = OBJECTIVE.loss(scores, labels)
    expected = [adaptive_thresholding_loss_by_pair(scores[[pair]], labels[[pair]]) for pair in range(len(scores))]
    assert found.shape == (40,)
    torch.testing.assert_close(found, torch.stack(expected).float(), rtol=1e-5, atol=1e-5)


def test_the_gradient_is_that_of_the_equations() -> None:
    scores, labels = example()
    scores.requires_grad_()
    OBJECTIVE.loss(scores, labels).mean().backward()
    exact = scores.detach().double().requires_grad_()
    adaptive_thresholding_loss_by_pair(exact, labels).backward()
    assert scores.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(scores.grad.double(), exact.grad, rtol=1e-5, atol=1e-7)


def test_the_gradient_is_that_of_finite_differences() -> None:
    scores, labels = example(pairs=5)
    scores = scores.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: OBJECTIVE.loss(s, labels), scores, eps=1e-2, atol=1e-3, rtol=1e-3)


def test_a_pair_without_relation_only_pushes_the_others_below_the_threshold() -> None:
    scores = torch.tensor([[1.0, 2.0, 0.5]])
    labels = torch.zeros(1, 3, dtype=torch.bool)
    assert OBJECTIVE.loss(scores, labels).item() == pytest.approx(scores.logsumexp(dim=1).item() - 1.0, rel=1e-6)


def test_the_loss_is_summed_over_the_positive_classes() -> None:
    scores = torch.zeros(1, 97)
    labels = torch.zeros(1, 97, dtype=torch.bool)
    labels[0, 1:4] = True
    expected = 3 * torch.tensor(4.0).log() + torch.tensor(94.0).log()
    assert OBJECTIVE.loss(scores, labels).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_scores_give_no_nan(dtype: torch.dtype) -> None:
    extremes = torch.tensor([-1e4, 1e4])
    scores = torch.cartesian_prod(extremes, extremes, extremes, extremes).to(dtype)
    for positive in torch.cartesian_prod(*[torch.tensor([False, True])] * 3):
        labels = torch.zeros(scores.shape, dtype=torch.bool)
        labels[:, 1:] = positive
        values = scores.clone().requires_grad_()
        loss = OBJECTIVE.loss(values, labels)
        loss.sum().backward()
        assert loss.dtype == torch.float32
        assert loss.isfinite().all()
        assert (loss >= 0).all()
        assert values.grad is not None
        assert values.grad.isfinite().all()


def test_half_precision_scores_are_computed_in_float32() -> None:
    scores, labels = example()
    coarse = scores.bfloat16()
    assert torch.equal(OBJECTIVE.loss(coarse, labels), OBJECTIVE.loss(coarse.float(), labels))


def test_labels_and_scores_are_not_changed() -> None:
    scores, labels = example()
    labels[3, 0] = True  # the column of TH is ignored, not cleared
    kept_scores, kept_labels = scores.clone(), labels.clone()
    loss = OBJECTIVE.loss(scores, labels)
    assert torch.equal(scores, kept_scores)
    assert torch.equal(labels, kept_labels)
    labels[3, 0] = False
    assert torch.equal(OBJECTIVE.loss(scores, labels), loss)


def test_no_pairs_have_no_loss() -> None:
    scores = torch.zeros(0, CLASSES, requires_grad=True)
    loss = OBJECTIVE.loss(scores, torch.zeros(0, CLASSES, dtype=torch.bool))
    assert loss.shape == (0,)
    loss.sum().backward()


def test_objectives_are_found_by_name() -> None:
    assert isinstance(objective_named("adaptive_thresholding"), AdaptiveThresholding)
    assert all(objective_named(name) for name in OBJECTIVES)
    with pytest.raises(AtlopError, match=r"objective\.name: no objective 'adaptive'; known are adaptive_thresholding"):
        objective_named("adaptive")
