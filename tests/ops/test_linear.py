"""The faster matrix products are those of torch, but for rounding."""

import pytest
import torch
from torch import Tensor, nn

from atlop.ops import linear
from atlop.ops.linear import Linear, product


@pytest.fixture(params=[False, True], ids=["torch's", "oneDNN's"], autouse=True)
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each library, whatever the processor."""
    if request.param and not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")
    monkeypatch.setattr(linear, "_is_onednn_faster", lambda tensor: request.param)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 5), (2, 3, 5), (1, 5), (0, 5), (5,)])
def test_a_layer_and_its_gradients_are_those_of_torch(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = Linear(5, 4, bias=bias), nn.Linear(5, 4, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    inputs = [random(*shape).requires_grad_() for _ in range(2)]
    outputs = [layer(value) for layer, value in zip((ours, theirs), inputs, strict=True)]
    torch.testing.assert_close(outputs[0], outputs[1])
    for output in outputs:
        (output * random(*output.shape)).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_frozen_weights_need_no_gradient() -> None:
    layer = Linear(5, 4).requires_grad_(False)
    value = random(3, 5).requires_grad_()
    layer(value).sum().backward()
    torch.testing.assert_close(value.grad, layer.weight.sum(dim=0).expand(3, 5))
    assert layer.weight.grad is None


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_a_product_is_that_with_the_transpose(rows: int) -> None:
    left, right, bias = random(rows, 5), random(4, 5), random(4)
    torch.testing.assert_close(product(left, right), left @ right.T)
    torch.testing.assert_close(product(left, right, bias), left @ right.T + bias)
    torch.testing.assert_close(product(left, random(5, 4).T), left @ random(5, 4))


def test_mixed_precision_stays_mixed() -> None:
    layer = Linear(5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(random(3, 5)).dtype == torch.bfloat16
