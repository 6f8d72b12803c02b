"""The grouped bilinear form is that of all outer products, whatever the limits, on every device."""

import pytest
import torch
from torch import Tensor

from atlop.ops import Limits
from atlop.ops.bilinear import grouped_bilinear, plain_grouped_bilinear
from atlop.ops.limits import CPU, GPU
from tests.devices import each_device

SIZES = {
    "cpu": CPU,
    "gpu": GPU,
    "small": Limits(1, 1, 1, 1, groups=2, products=2 * 64 * 5, batch_tokens=2**11, captures=False),
}


def inputs(device: str, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (23, 5, 8), (23, 5, 8), (7, 5 * 64)
    return [torch.randn(shape, generator=generator).to(device, dtype).requires_grad_() for shape in shapes]


@each_device
@pytest.mark.parametrize("limits", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_scores_and_gradients_are_those_of_the_plain_form(
    device: str, limits: Limits, dtype: torch.dtype, tolerance: float
) -> None:
    ours, plain = inputs(device, dtype), inputs(device, torch.float32)
    found, expected = grouped_bilinear(*ours, limits=limits), plain_grouped_bilinear(*plain)
    assert found.dtype == torch.float32
    for scores in (found, expected):
        (scores * torch.linspace(-1, 1, scores.numel(), device=device).view_as(scores)).sum().backward()
    assert (found - expected).norm() <= tolerance * expected.norm()
    for one, other in zip(ours, plain, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert (one.grad - other.grad).norm() <= tolerance * other.grad.norm()


def test_no_pair_has_no_score() -> None:
    subject, object_, weight = inputs("cpu", torch.float32)
    assert grouped_bilinear(subject[:0], object_[:0], weight).shape == (0, 7)
