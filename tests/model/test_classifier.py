"""The grouped bilinear classifier against the outer products written out."""

from functools import partial

import pytest
import torch
from torch import Tensor

from atlop.model.classifier import GroupedBilinear

WIDTH, CLASSES, SIZE, BLOCK = 5, 3, 8, 4


def made(block: int, *, context_width: int = WIDTH) -> GroupedBilinear:
    return GroupedBilinear(
        WIDTH, context_width=context_width, classes=CLASSES, representation_size=SIZE, block_size=block
    ).double()


def classifier(seed: int = 0) -> GroupedBilinear:
    torch.manual_seed(seed)
    return made(BLOCK)


def inputs(pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    subject, object_, context = torch.randn(3, pairs, WIDTH, generator=generator, dtype=torch.float64)
    return subject, object_, context


def scores_of(layer: GroupedBilinear, subject: Tensor, object_: Tensor, context: Tensor) -> Tensor:
    """Score pairs of which each has its own two entities."""
    number = torch.arange(len(subject))
    return layer(torch.cat([subject, object_]), torch.stack([number, len(subject) + number], dim=1), context)  # type: ignore[no-any-return]


def slow_scores(layer: GroupedBilinear, subject: Tensor, object_: Tensor, context: Tensor) -> Tensor:
    """`score_r = Σ_groups z_sᵀ W_r z_o + b_r` for one pair."""
    subject_layer, object_layer = layer.subject_projection, layer.object_projection
    z_subject = torch.tanh(subject_layer.weight @ torch.cat([subject, context]) + subject_layer.bias)
    z_object = torch.tanh(object_layer.weight @ torch.cat([object_, context]) + object_layer.bias)
    scores = []
    for class_id in range(CLASSES):
        blocks = layer.bilinear.weight[class_id].view(SIZE // BLOCK, BLOCK, BLOCK)
        score = layer.bilinear.bias[class_id]
        for group, block in enumerate(blocks):
            within = slice(group * BLOCK, (group + 1) * BLOCK)
            score = score + z_subject[within] @ block @ z_object[within]
        scores.append(score)
    return torch.stack(scores)


def test_scores_are_those_of_the_equation() -> None:
    layer, values = classifier(), inputs(6)
    expected = torch.stack([slow_scores(layer, *pair) for pair in zip(*values, strict=True)])
    torch.testing.assert_close(scores_of(layer, *values), expected)


def test_subject_and_object_are_not_the_same() -> None:
    layer, (subject, object_, context) = classifier(), inputs(6)
    assert not torch.allclose(scores_of(layer, subject, object_, context), scores_of(layer, object_, subject, context))


def test_gradients_are_those_of_finite_differences() -> None:
    layer = classifier()
    values = [value.requires_grad_() for value in inputs(3)]
    assert torch.autograd.gradcheck(partial(scores_of, layer), tuple(values))
    scores_of(layer, *values).square().sum().backward()
    found = {name: parameter.grad for name, parameter in layer.named_parameters()}
    layer.zero_grad()
    slow = torch.stack([slow_scores(layer, *pair) for pair in zip(*values, strict=True)])
    slow.square().sum().backward()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_no_pair_has_no_score() -> None:
    scores = scores_of(classifier(), *inputs(0))
    assert scores.shape == (0, CLASSES)
    scores.sum().backward()


def test_many_pairs_score_like_few() -> None:
    layer, values = classifier(), inputs(1100)
    scores = scores_of(layer, *values)
    for pair in (0, 511, 512, 513, 1023, 1024, 1099):
        expected = slow_scores(layer, *(value[pair] for value in values))
        torch.testing.assert_close(scores[pair], expected, rtol=1e-5, atol=1e-6)
    scores.sum().backward()
    found = layer.bilinear.weight.grad
    layer.zero_grad()
    for chunk in zip(*(value.split(100) for value in values), strict=True):
        scores_of(layer, *chunk).sum().backward()
    torch.testing.assert_close(found, layer.bilinear.weight.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("block", [1, 2, 8])
def test_any_block_size_that_divides_the_representation_works(block: int) -> None:
    layer = made(block)
    assert layer.bilinear.in_features == SIZE * block
    assert scores_of(layer, *inputs(2)).shape == (2, CLASSES)


def test_pairs_without_context_are_scored_from_their_entities_alone() -> None:
    torch.manual_seed(0)
    layer, (subject, object_, _) = made(BLOCK, context_width=0), inputs(4)
    assert layer.subject_projection.in_features == WIDTH
    nothing = subject.new_empty(4, 0)
    expected = torch.stack([slow_scores(layer, *pair) for pair in zip(subject, object_, nothing, strict=True)])
    torch.testing.assert_close(scores_of(layer, subject, object_, nothing), expected)


def test_one_group_is_an_ordinary_bilinear_layer() -> None:
    torch.manual_seed(0)
    layer, (subject, object_, context) = made(SIZE), inputs(4)
    z_subject = torch.tanh(layer.subject_projection(torch.cat([subject, context], dim=1)))
    z_object = torch.tanh(layer.object_projection(torch.cat([object_, context], dim=1)))
    weight = layer.bilinear.weight.view(CLASSES, SIZE, SIZE)
    expected = torch.nn.functional.bilinear(z_subject, z_object, weight, layer.bilinear.bias)
    torch.testing.assert_close(scores_of(layer, subject, object_, context), expected)
