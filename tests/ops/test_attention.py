"""Attention over packed sequences is PyTorch's own over each of them, on every device."""

import pytest
import torch
from torch import Tensor

from atlop.ops import Packing, attention_rows
from atlop.ops.attention import packed_attention, plain_attention
from tests.devices import each_device, needs_gpu

HEADS, WIDTH = 4, 16
LENGTHS = [17, 1, 130, 5]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}


def packing(device: str, lengths: list[int] = LENGTHS) -> Packing:
    boundaries = torch.tensor([0, *lengths]).cumsum(0).int()
    return Packing(lengths, boundaries.to(device))


def states(device: str, dtype: torch.dtype, width: int = WIDTH) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = HEADS, sum(LENGTHS), width
    return [torch.randn(shape, generator=generator).to(device, dtype).requires_grad_() for _ in range(3)]


def outcome(function: object, device: str, dtype: torch.dtype, *, width: int = WIDTH) -> list[Tensor]:
    """Output and gradients, float32."""
    inputs = states(device, dtype, width)
    output = function(*inputs, packing(device), scaling=0.3)  # type: ignore[operator]
    (output.float() * torch.linspace(-1, 1, output.numel(), device=device).view_as(output)).sum().backward()
    return [output.detach().float(), *(value.grad.float() for value in inputs if value.grad is not None)]


@each_device
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("width", [16, 10])
def test_outputs_and_gradients_are_those_of_the_plain_form(device: str, dtype: torch.dtype, width: int) -> None:
    found = outcome(packed_attention, device, dtype, width=width)
    expected = outcome(plain_attention, device, torch.float32, width=width)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= TOLERANCE[dtype] * other.norm()


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_dropout_leaves_the_mean_and_follows_the_seed(device: str, dtype: torch.dtype) -> None:
    query, key, value = states(device, dtype)

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return packed_attention(query, key, value, packing(device), scaling=0.3, dropout=0.2)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    whole = packed_attention(query, key, value, packing(device), scaling=0.3)
    mean = torch.stack([drawn(seed).detach().float() for seed in range(300)]).mean(dim=0)
    assert (mean - whole).norm() < 0.05 * whole.norm()


@each_device
def test_rows_are_those_of_all_weights_and_of_no_filled_up_token(device: str) -> None:
    query, key = (torch.randn(2, HEADS, 6, WIDTH, device=device) for _ in range(2))
    padding_mask = torch.arange(6, device=device) >= torch.tensor([[6], [4]], device=device)
    rows = attention_rows(query[:, :, [3, 0]], key, dropout=0.0, padding_mask=padding_mask)
    for sequence, length in enumerate((6, 4)):
        whole = (query[sequence] @ key[sequence, :, :length].transpose(1, 2)).softmax(dim=-1)
        torch.testing.assert_close(rows[sequence, :, :, :length], whole[:, [3, 0]])
        assert not rows[sequence, :, :, length:].any()


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=needs_gpu)])
def test_one_kernel_serves_all_sequences_on_a_gpu(device: str) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiled:
        query, key, value = states(device, torch.bfloat16)
        packed_attention(query, key, value, packing(device), scaling=0.3)
        torch.cuda.synchronize()
    names = [event.key for event in profiled.key_averages() if "flash" in event.key.lower() or "fmha" in event.key]
    assert len(names) == 1
