"""Pairs of entities to scores: the grouped bilinear classifier."""

from typing import Any

import torch
from torch import Tensor, nn

from atlop.model.linear import Linear, product

PAIRS_IN_CACHE = 512
"""Pairs whose outer products exist at the same time: few enough to stay in a processor's cache."""


class GroupedBilinear(nn.Module):
    """Scores every relation of a pair from subject, object and context (paper, equations for z and for P)."""

    def __init__(self, width: int, *, classes: int, representation_size: int, block_size: int):
        """Make the layers with `nn.Linear`'s own initialisation, which published results rest on.

        Args:
            width: Width of entity embeddings and contexts.
            classes: Number of classes, TH included.
            representation_size: Width of the subject's and of the object's representation.
            block_size: Width of one group; divides `representation_size`.
        """
        super().__init__()
        self.block_size = block_size
        self.subject_projection = Linear(2 * width, representation_size)
        self.object_projection = Linear(2 * width, representation_size)
        self.bilinear = Linear(representation_size * block_size, classes)

    def forward(self, subject: Tensor, object_: Tensor, context: Tensor) -> Tensor:
        """Score pairs.

        Args:
            subject: Embedding of each pair's subject, `[pairs, width]`.
            object_: Embedding of each pair's object, `[pairs, width]`.
            context: Localized context of each pair, `[pairs, width]`.

        Returns:
            `[pairs, classes]`, float32.
        """
        subject = torch.tanh(self.subject_projection(torch.cat([subject, context], dim=1)))
        object_ = torch.tanh(self.object_projection(torch.cat([object_, context], dim=1)))
        subject, object_ = (side.unflatten(1, (-1, self.block_size)) for side in (subject, object_))
        # Group by group; under autocast the projections are in the lower precision already, and the weight follows.
        weight = self.bilinear.weight.to(subject.dtype).unflatten(1, (-1, self.block_size**2)).transpose(0, 1)
        scores: Tensor = _OuterProductLinear.apply(subject, object_, weight.contiguous())
        return scores + self.bilinear.bias


class _OuterProductLinear(torch.autograd.Function):
    """A linear layer on flattened group outer products, group by group.

    The products are 64 times as large as what they are made of, so they are made again in the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, subject: Tensor, object_: Tensor, weight: Tensor) -> Tensor:
        """Take `[pairs, groups, block]` twice and `[groups, classes, block²]`; return `[pairs, classes]`.

        Sums over groups are in float32 at least.
        """
        ctx.save_for_backward(subject, object_, weight)
        sums = torch.promote_types(subject.dtype, torch.float32)
        scores = torch.zeros(len(subject), weight.shape[1], dtype=sums, device=subject.device)
        with _without_autocast(subject):
            for pairs in _chunks(len(subject)):
                for group, of_group in enumerate(weight):
                    scores[pairs] += product(_products(subject[pairs, group], object_[pairs, group]), of_group)
        return scores

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of subject, object and weight."""
        subject, object_, weight = ctx.saved_tensors
        to_subject, to_object = torch.empty_like(subject), torch.empty_like(object_)
        to_weight = torch.zeros_like(weight, dtype=gradient.dtype)
        gradient = gradient.to(weight.dtype).contiguous()
        with _without_autocast(subject):
            for pairs in _chunks(len(subject)):
                for group, of_group in enumerate(weight):
                    s, o = subject[pairs, group], object_[pairs, group]
                    to_weight[group] += product(gradient[pairs].T, _products(s, o).T)
                    to_products = product(gradient[pairs], of_group.T).view(len(s), s.shape[1], o.shape[1])
                    to_subject[pairs, group] = (to_products * o[:, None, :]).sum(dim=2)
                    to_object[pairs, group] = torch.bmm(s[:, None, :], to_products)[:, 0, :]
        return to_subject, to_object, to_weight.to(weight.dtype)


def _products(subject: Tensor, object_: Tensor) -> Tensor:
    """Return flattened outer products, `[pairs, block²]`."""
    return (subject[:, :, None] * object_[:, None, :]).flatten(start_dim=1)


def _chunks(pairs: int) -> list[slice]:
    return [slice(first, first + PAIRS_IN_CACHE) for first in range(0, pairs, PAIRS_IN_CACHE)]


def _without_autocast(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)
