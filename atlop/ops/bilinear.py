"""The grouped bilinear form: a linear layer on the outer products of two representations, group by group."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from atlop.ops.limits import Limits, limits_for
from atlop.ops.linear import product


def grouped_bilinear(subject: Tensor, object_: Tensor, weight: Tensor, *, limits: Limits | None = None) -> Tensor:
    """Return `Σ_groups z_sᵀ W_r z_o` of each pair and class (paper, equation for the grouped bilinear score).

    The outer products are `block` times as large as what they are made of, so that they are made again in the backward
    pass.

    Args:
        subject: Representation of each pair's subject, `[pairs, groups, block]`.
        object_: Representation of each pair's object, the same shape.
        weight: `[classes, groups · block²]`, of the same type; flattened as group, subject dimension, object dimension.
        limits: How much is taken together; that of the device without it.

    Returns:
        `[pairs, classes]`, summed over groups in float32 at least.
    """
    scores: Tensor = _GroupedBilinear.apply(subject, object_, weight, limits or limits_for(subject.device))
    return scores


def plain_grouped_bilinear(subject: Tensor, object_: Tensor, weight: Tensor) -> Tensor:
    """Do what `grouped_bilinear` does, with all outer products at once."""
    products = (subject[:, :, :, None] * object_[:, :, None, :]).flatten(start_dim=1)
    wide = torch.promote_types(subject.dtype, torch.float32)
    return products.to(wide) @ weight.to(wide).T


class _GroupedBilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, subject: Tensor, object_: Tensor, weight: Tensor, limits: Limits) -> Tensor:
        ctx.save_for_backward(subject, object_, weight)
        ctx.limits = limits
        wide = torch.promote_types(subject.dtype, torch.float32)
        scores = torch.zeros(len(subject), len(weight), dtype=wide, device=subject.device)
        buffer = _buffer(subject, limits)
        with _without_autocast(subject):
            for groups, columns in _groups(subject, limits):
                group_weight = weight[:, columns].contiguous()
                for pairs in _pairs(subject, limits):
                    products = _products(subject[pairs, groups], object_[pairs, groups], buffer=buffer)
                    scores[pairs] += _wide_product(products, group_weight, dtype=wide)
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        subject, object_, weight = ctx.saved_tensors
        grad_subject, grad_object, grad_weight = map(torch.empty_like, (subject, object_, weight))
        wide, grad = grad.dtype, grad.to(weight.dtype).contiguous()
        buffer = _buffer(subject, ctx.limits)
        with _without_autocast(subject):
            for groups, columns in _groups(subject, ctx.limits):
                group_weight = weight[:, columns].contiguous()
                grad_group = torch.zeros_like(group_weight, dtype=wide)
                for pairs in _pairs(subject, ctx.limits):
                    s, o = subject[pairs, groups], object_[pairs, groups]
                    grad_group += _wide_product(grad[pairs].T, _products(s, o, buffer=buffer).T, dtype=wide)
                    grad_products = product(grad[pairs], group_weight.T).view(*s.shape, o.shape[2])
                    grad_object[pairs, groups] = (s[:, :, None, :] @ grad_products)[:, :, 0, :]
                    grad_subject[pairs, groups] = grad_products.mul_(o[:, :, None, :]).sum(dim=3)
                grad_weight[:, columns] = grad_group
        return grad_subject, grad_object, grad_weight, None


def _wide_product(left: Tensor, right: Tensor, *, dtype: torch.dtype) -> Tensor:
    """Return `left @ right.T` in `dtype`, in which a GPU's units add up anyway."""
    if left.device.type == "cuda" and left.dtype != dtype:
        return torch.mm(left, right.T, out_dtype=dtype)
    return product(left, right)


def _groups(side: Tensor, limits: Limits) -> Iterator[tuple[slice, slice]]:
    """Yield the groups of `[pairs, groups, block]` that are taken together, and their columns in the weight."""
    size = side.shape[2] ** 2
    together = min(limits.groups, side.shape[1])
    for first in range(0, side.shape[1], together):
        yield slice(first, first + together), slice(first * size, (first + together) * size)


def _pairs(side: Tensor, limits: Limits) -> list[slice]:
    size = _pairs_at_once(side, limits)
    return [slice(first, first + size) for first in range(0, len(side), size)]


def _pairs_at_once(side: Tensor, limits: Limits) -> int:
    return max(1, limits.products // (min(limits.groups, side.shape[1]) * side.shape[2] ** 2))


def _buffer(side: Tensor, limits: Limits) -> Tensor:
    """Return memory for outer products, taken once: new memory costs more than what is written to it."""
    pairs = min(len(side), _pairs_at_once(side, limits))
    return side.new_empty(pairs, min(limits.groups, side.shape[1]), side.shape[2], side.shape[2])


def _products(subject: Tensor, object_: Tensor, *, buffer: Tensor) -> Tensor:
    """Return flattened outer products, `[pairs, groups · block²]`, in memory that the next call takes again."""
    out = buffer[: len(subject), : subject.shape[1]]
    return torch.mul(subject[:, :, :, None], object_[:, :, None, :], out=out).flatten(start_dim=1)


def _without_autocast(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)
