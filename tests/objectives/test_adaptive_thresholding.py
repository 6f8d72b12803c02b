"""The adaptive thresholding loss, compared with the equations pair by pair."""

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from atlop.objectives.adaptive_thresholding import AdaptiveThresholding
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
