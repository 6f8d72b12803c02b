"""Pairs of entities to scores: the grouped bilinear classifier."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from atlop.model.linear import Linear, linear, product

PAIRS_IN_CACHE = 512
"""Pairs whose outer products exist at the same time: few enough to stay in a processor's cache."""


class GroupedBilinear(nn.Module):
    """Scores every relation of a pair from subject, object and context (paper, equations for z and for P)."""

    def __init__(self, width: int, *, context_width: int, classes: int, representation_size: int, block_size: int):
        """Make the layers with `nn.Linear`'s own initialisation, which published results rest on.

        Args:
            width: Width of entity embeddings.
            context_width: Width of contexts; 0 where pairs have none.
            classes: Number of classes, TH included.
            representation_size: Width of the subject's and of the object's representation.
            block_size: Width of one group; divides `representation_size`.
        """
        super().__init__()
        self.block_size = block_size
        self.subject_projection = Linear(width + context_width, representation_size)
        self.object_projection = Linear(width + context_width, representation_size)
        self.bilinear = Linear(representation_size * block_size, classes)

    def forward(self, embeddings: Tensor, pairs: Tensor, context: Tensor) -> Tensor:
        """Score pairs.

        Args:
            embeddings: Embedding of each entity, `[entities, width]`.
            pairs: Subject and object of each pair, `[pairs, 2]`, int64.
            context: Localized context of each pair, `[pairs, context width]`.

        Returns:
            `[pairs, classes]`, float32.
        """
        subject = _project(self.subject_projection, embeddings, pairs[:, 0], context)
        object_ = _project(self.object_projection, embeddings, pairs[:, 1], context)
        subject, object_ = (side.unflatten(1, (-1, self.block_size)) for side in (subject, object_))
        # Under autocast the projections are in the lower precision already, and the weight follows.
        scores: Tensor = _OuterProductLinear.apply(subject, object_, self.bilinear.weight.to(subject.dtype))
        return scores + self.bilinear.bias


def _project(layer: Linear, embeddings: Tensor, entities: Tensor, context: Tensor) -> Tensor:
    """Return `tanh(W [e ; c] + b)` of each pair, the part of `e` computed once for each entity."""
    of_embedding, of_context = layer.weight.split([embeddings.shape[1], context.shape[1]], dim=1)
    of_entities = linear(embeddings, of_embedding.contiguous())
    return torch.tanh(of_entities.index_select(0, entities) + linear(context, of_context.contiguous(), layer.bias))


class _OuterProductLinear(torch.autograd.Function):
    """A linear layer on flattened group outer products, group by group.

    The products are 64 times as large as what they are made of, so they are made again in the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, subject: Tensor, object_: Tensor, weight: Tensor) -> Tensor:
        """Take `[pairs, groups, block]` twice and `[classes, groups · block²]`; return `[pairs, classes]`.

        Sums over groups are in float32 at least.
        """
        ctx.save_for_backward(subject, object_, weight)
        sums = torch.promote_types(subject.dtype, torch.float32)
        scores = torch.zeros(len(subject), len(weight), dtype=sums, device=subject.device)
        room = _room(subject)
        with _without_autocast(subject):
            for group, columns in _groups(subject):
                of_group = weight[:, columns].contiguous()
                for pairs in _chunks(len(subject)):
                    products = _products(subject[pairs, group], object_[pairs, group], room=room)
                    scores[pairs] += product(products, of_group)
        return scores

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of subject, object and weight."""
        subject, object_, weight = ctx.saved_tensors
        to_subject, to_object, to_weight = map(torch.empty_like, (subject, object_, weight))
        sums, gradient = gradient.dtype, gradient.to(weight.dtype).contiguous()
        room = _room(subject)
        with _without_autocast(subject):
            for group, columns in _groups(subject):
                of_group = weight[:, columns].contiguous()
                to_group = torch.zeros_like(of_group, dtype=sums)
                for pairs in _chunks(len(subject)):
                    s, o = subject[pairs, group], object_[pairs, group]
                    to_group += product(gradient[pairs].T, _products(s, o, room=room).T)
                    to_products = product(gradient[pairs], of_group.T).view(len(s), s.shape[1], o.shape[1])
                    to_object[pairs, group] = torch.bmm(s[:, None, :], to_products)[:, 0, :]
                    to_subject[pairs, group] = to_products.mul_(o[:, None, :]).sum(dim=2)
                to_weight[:, columns] = to_group
        return to_subject, to_object, to_weight


def _groups(side: Tensor) -> Iterator[tuple[int, slice]]:
    """Yield each group of `[pairs, groups, block]` and its columns in the weight."""
    size = side.shape[2] ** 2
    for group in range(side.shape[1]):
        yield group, slice(group * size, (group + 1) * size)


def _room(side: Tensor) -> Tensor:
    """Return memory for the outer products of a chunk, taken once: new memory costs more than what is written to it."""
    block = side.shape[2]
    return side.new_empty(min(len(side), PAIRS_IN_CACHE), block, block)


def _products(subject: Tensor, object_: Tensor, *, room: Tensor) -> Tensor:
    """Return flattened outer products, `[pairs, block²]`, in memory that the next call takes again."""
    return torch.mul(subject[:, :, None], object_[:, None, :], out=room[: len(subject)]).flatten(start_dim=1)


def _chunks(pairs: int) -> list[slice]:
    return [slice(first, first + PAIRS_IN_CACHE) for first in range(0, pairs, PAIRS_IN_CACHE)]


def _without_autocast(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)
