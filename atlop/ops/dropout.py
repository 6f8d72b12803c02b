"""Dropout that is several times faster on the CPU than torch's."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, faster on the CPU."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout in training."""
        return dropout(input, self.p) if self.training else input


def dropout(input: Tensor, p: float) -> Tensor:
    """Apply `torch.nn.functional.dropout`; any shape and device."""
    if p in (0.0, 1.0) or input.device.type != "cpu":
        return functional.dropout(input, p)
    output: Tensor = _Dropout.apply(input, dropout_mask(input.shape, dropout=p), 1 / (1 - p))
    return output


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return torch.mul(input, mask).mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return torch.mul(grad, mask).mul_(ctx.scale), None, None


def dropout_mask(shape: torch.Size, *, dropout: float) -> Tensor:
    """Draw a mask on the CPU: 1 for kept elements, 0 for dropped ones, uint8 of `shape`.

    torch multiplies by uint8 several times faster than by bool. Its default generator seeds each mask; the numbers come
    from numpy's fastest generator, four elements from each 64-bit draw. The probability is exact to 2⁻¹⁶.
    """
    count = shape.numel()
    seed = int(torch.randint(2**63 - 1, ()))
    draws = torch.from_numpy(np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16))
    return (draws[:count] >= round(dropout * 2**16) - 2**15).view(torch.uint8).view(shape)
