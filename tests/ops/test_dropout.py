"""Dropout in training is the encoder's own, with its probability and right gradients."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from atlop.model import AtlopModel
from atlop.ops.dropout import Dropout, dropout_mask
from atlop.preprocessing import Batch
from tests.golden_values import golden_batch, golden_model, score
from tests.tiny_encoders import each_kind, save_tiny_encoder, tiny_model

NESTED = 6
"""The shortest golden document; all of its entities but the third have one mention."""


def test_there_is_no_dropout_besides_the_encoders_own() -> None:
    model, batch = golden_model("bert"), golden_batch("bert", [0, 6])  # whose encoder has none
    with torch.no_grad():
        assert torch.equal(score(model.train(), batch), score(model.eval(), batch))


def attention_of(model: AtlopModel, batch: Batch) -> torch.Tensor:
    attention = model.pool(batch).entity_attention(0)
    assert attention is not None
    [entities] = batch.entity_counts
    return attention.rows(slice(0, entities)).permute(2, 1, 0)[None]


@each_kind
def test_the_pooled_attention_is_that_after_dropout_in_training_only(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind=kind)
    config = AutoConfig.from_pretrained(folder)
    config.attention_probs_dropout_prob, config.num_hidden_layers = 0.5, 1
    config.save_pretrained(folder)
    model, batch = tiny_model(folder, documents=[NESTED])
    with torch.no_grad():
        whole = attention_of(model.eval(), batch)
        assert torch.equal(attention_of(model, batch), whole)
        torch.manual_seed(0)
        draws = torch.stack([attention_of(model.train(), batch) for _ in range(400)])
    assert (whole > 0).all()
    single = draws[:, :, [0, 1, 3]]
    assert (single == 0).float().mean().item() == pytest.approx(0.5, abs=0.01)
    kept = torch.where(single == 0, 2 * whole[:, [0, 1, 3]], single)
    torch.testing.assert_close(kept, (2 * whole[:, [0, 1, 3]]).expand_as(kept), rtol=1e-4, atol=1e-6)


@each_kind
def test_gradients_under_dropout_are_those_of_finite_differences(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind, dropout=0.3), documents=[0, NESTED])
    model.train()

    def loss() -> torch.Tensor:
        torch.manual_seed(3)  # the same choice of what is dropped every time
        return score(model, batch).square().mean()

    with torch.no_grad():
        assert loss() == loss()
        assert loss() != score(model.eval(), batch).square().mean()
    model.train()
    loss().backward()
    compared = 0
    for name, parameter in model.named_parameters():
        if parameter.grad is None or parameter.grad.norm() < 1e-3 or parameter.dim() < 2:
            continue
        direction = parameter.grad / parameter.grad.norm()
        step = min(1e-2, 1e-2 / parameter.grad.norm().item())
        with torch.no_grad():
            parameter.add_(step * direction)
            above = loss().double()
            parameter.sub_(2 * step * direction)
            below = loss().double()
            parameter.add_(step * direction)
        slope = ((above - below) / (2 * step)).item()
        assert slope == pytest.approx(parameter.grad.norm().item(), rel=0.05), name
        compared += 1
    assert compared > 10


@each_kind
def test_dropout_changes_with_every_pass(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind, dropout=0.3), documents=[NESTED])
    with torch.no_grad():
        assert not torch.equal(score(model.train(), batch), score(model.train(), batch))
        assert torch.equal(score(model.eval(), batch), score(model.eval(), batch))


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
def test_elements_are_dropped_with_the_given_probability(dropout: float) -> None:
    torch.manual_seed(0)
    kept = dropout_mask(torch.Size([4, 500, 500]), dropout=dropout)
    assert kept.dtype == torch.uint8
    assert kept.shape == (4, 500, 500)
    assert 1 - kept.float().mean().item() == pytest.approx(dropout, abs=0.003)
    for column in range(4):  # four elements share a draw
        assert 1 - kept.view(-1, 4)[:, column].float().mean().item() == pytest.approx(dropout, abs=0.005)


def test_elements_that_share_a_draw_are_independent() -> None:
    torch.manual_seed(0)
    kept = dropout_mask(torch.Size([400_000]), dropout=0.5).view(-1, 4).float()
    correlation = torch.corrcoef(kept.T)
    torch.testing.assert_close(correlation, torch.eye(4), atol=0.02, rtol=0)


def test_masks_that_follow_each_other_are_independent() -> None:
    torch.manual_seed(0)
    masks = torch.stack([dropout_mask(torch.Size([100_000]), dropout=0.5).float() for _ in range(4)])
    torch.testing.assert_close(torch.corrcoef(masks), torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_any_number_of_elements_can_be_drawn(count: int) -> None:
    assert dropout_mask(torch.Size([count]), dropout=0.5).shape == (count,)


def test_the_choice_follows_the_seed() -> None:
    masks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        masks.append(dropout_mask(torch.Size([100]), dropout=0.5))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_what_dropout_keeps_is_scaled_up_and_the_rest_is_zero() -> None:
    layer, values = Dropout(0.2), torch.randn(50, 70, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(5)
    dropped = layer(values)
    torch.manual_seed(5)
    kept = dropout_mask(values.shape, dropout=0.2)
    torch.testing.assert_close(dropped, torch.where(kept.bool(), values / 0.8, 0.0))
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    torch.testing.assert_close(gradient, torch.where(kept.bool(), 1.25, 0.0).double())


def test_outside_training_dropout_does_nothing() -> None:
    values = torch.randn(5, 7)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0).train()(values), values)
