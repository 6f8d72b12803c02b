"""Fast float32 matrix products on AMD processors.

There MKL, PyTorch's default, does not use the widest vector instructions; oneDNN, which PyTorch includes too, is about
twice as fast. Results are the same up to rounding.
"""

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Linear):
    """`torch.nn.Linear` with the faster library."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer to `[…, inputs]`; return `[…, outputs]`."""
        return linear(input, self.weight, self.bias)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply `torch.nn.functional.linear` with the faster library."""
    if not _is_onednn_faster(input) or torch.is_autocast_enabled(input.device.type):
        return functional.linear(input, weight, bias)
    output: Tensor = _OneDnnLinear.apply(input.reshape(input.shape[:-1].numel(), input.shape[-1]), weight, bias)
    return output.view(*input.shape[:-1], len(weight))


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply `[rows, inner]` by the transpose of `[columns, inner]` and add `[columns]`; not differentiable.

    Returns:
        `[rows, columns]`, in the dtype of the arguments.
    """
    # With other strides oneDNN falls back to a loop that is a thousand times slower.
    if _is_onednn_faster(left) and left.numel() and right.numel() and _is_dense(left) and _is_dense(right):
        result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
        return result
    return left @ right.T if bias is None else torch.addmm(bias, left, right.T)


class _OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return product(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        needs_rows, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            product(grad, weight.T) if needs_rows else None,
            _grad_weight(grad, rows) if needs_weight else None,
            grad.sum(dim=0) if needs_bias else None,
        )


def _grad_weight(grad: Tensor, rows: Tensor) -> Tensor:
    """Return `grad.T @ rows`, with the narrower matrix on the left, which oneDNN copies."""
    if grad.shape[1] > rows.shape[1]:
        return product(rows.T, grad.T).T
    return product(grad.T, rows.T)


def _is_onednn_faster(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and _processor_is_amd()


def _is_dense(matrix: Tensor) -> bool:
    return matrix.is_contiguous() or matrix.T.is_contiguous()


@cache
def _processor_is_amd() -> bool:
    """Return whether the processor is AMD's and PyTorch has oneDNN; not measured, so that runs are reproducible."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    info = Path("/proc/cpuinfo")  # on Linux; Windows has it in platform.processor()
    return "AuthenticAMD" in platform.processor() or (info.exists() and "AuthenticAMD" in info.read_text())
