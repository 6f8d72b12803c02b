"""The grouped bilinear form: a linear layer on the outer products of two representations, group by group."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from atlop.ops.limits import Limits, limits_for
from atlop.ops.linear import product


def grouped_bilinear(subject: Tensor, object_: Tensor, weight: Tensor, *, limits: Limits | None = None) -> Tensor:
    """Return `Σ_groups z_sᵀ W_r z_o` of each pair and class (paper, equation for the grouped bilinear score).

    Outer products are `block` times as large as their factors; the backward pass recomputes them.

    Args:
        subject: Representation of each pair's subject, `[pairs, groups, block]`.
        object_: Representation of each pair's object, the same shape.
        weight: `[classes, groups · block²]`, of the same dtype; columns are (group, subject dim, object dim).
        limits: How much is computed at a time; by default, the limits of the device.

    Returns:
        `[pairs, classes]`, summed over groups in at least float32.
    """
    scores: Tensor = _GroupedBilinear.apply(subject, object_, weight, limits or limits_for(subject.device))
    return scores


def plain_grouped_bilinear(subject: Tensor, object_: Tensor, weight: Tensor) -> Tensor:
    """Do what `grouped_bilinear` does, with all outer products at once."""
    products = (subject[:, :, :, None] * object_[:, :, None, :]).flatten(start_dim=1)
    dtype = torch.promote_types(subject.dtype, torch.float32)
    return products.to(dtype) @ weight.to(dtype).T


class _GroupedBilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, subject: Tensor, object_: Tensor, weight: Tensor, limits: Limits) -> Tensor:
        ctx.save_for_backward(subject, object_, weight)
        ctx.limits = limits
        dtype = torch.promote_types(subject.dtype, torch.float32)
        scores = torch.zeros(len(subject), len(weight), dtype=dtype, device=subject.device)
        buffer = _buffer(subject, limits)
        with _without_autocast(subject):
            for groups, columns in _groups(subject, limits):
                group_weight = weight[:, columns].contiguous()
                for pairs in _pairs(subject, limits):
                    products = _products(subject[pairs, groups], object_[pairs, groups], buffer=buffer)
                    scores[pairs] += _promoted_product(products, group_weight, dtype=dtype)
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        subject, object_, weight = ctx.saved_tensors
        grad_subject, grad_object, grad_weight = map(torch.empty_like, (subject, object_, weight))
        dtype, grad = grad.dtype, grad.to(weight.dtype).contiguous()
        buffer = _buffer(subject, ctx.limits)
        with _without_autocast(subject):
            for groups, columns in _groups(subject, ctx.limits):
                group_weight = weight[:, columns].contiguous()
                grad_group = torch.zeros_like(group_weight, dtype=dtype)
                for pairs in _pairs(subject, ctx.limits):
                    s, o = subject[pairs, groups], object_[pairs, groups]
                    grad_group += _promoted_product(grad[pairs].T, _products(s, o, buffer=buffer).T, dtype=dtype)
                    grad_products = product(grad[pairs], group_weight.T).view(*s.shape, o.shape[2])
                    grad_object[pairs, groups] = (s[:, :, None, :] @ grad_products)[:, :, 0, :]
                    grad_subject[pairs, groups] = grad_products.mul_(o[:, :, None, :]).sum(dim=3)
                grad_weight[:, columns] = grad_group
        return grad_subject, grad_object, grad_weight, None


def _promoted_product(left: Tensor, right: Tensor, *, dtype: torch.dtype) -> Tensor:
    """Return `left @ right.T` in `dtype`, in which a GPU accumulates anyway."""
    if left.device.type == "cuda" and left.dtype != dtype:
        return torch.mm(left, right.T, out_dtype=dtype)
    return product(left, right)


def _groups(side: Tensor, limits: Limits) -> Iterator[tuple[slice, slice]]:
    """Yield the groups of `[pairs, groups, block]` to compute at a time, and their columns in the weight."""
    size = side.shape[2] ** 2
    count = min(limits.groups, side.shape[1])
    for first in range(0, side.shape[1], count):
        yield slice(first, first + count), slice(first * size, (first + count) * size)


def _pairs(side: Tensor, limits: Limits) -> list[slice]:
    size = _max_pairs(side, limits)
    return [slice(first, first + size) for first in range(0, len(side), size)]


def _max_pairs(side: Tensor, limits: Limits) -> int:
    return max(1, limits.products // (min(limits.groups, side.shape[1]) * side.shape[2] ** 2))


def _buffer(side: Tensor, limits: Limits) -> Tensor:
    """Allocate memory for outer products once; allocation would cost more than the products."""
    pairs = min(len(side), _max_pairs(side, limits))
    return side.new_empty(pairs, min(limits.groups, side.shape[1]), side.shape[2], side.shape[2])


def _products(subject: Tensor, object_: Tensor, *, buffer: Tensor) -> Tensor:
    """Return flattened outer products, `[pairs, groups · block²]`, in the buffer, which the next call overwrites."""
    out = buffer[: len(subject), : subject.shape[1]]
    return torch.mul(subject[:, :, :, None], object_[:, :, None, :], out=out).flatten(start_dim=1)


def _without_autocast(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)
