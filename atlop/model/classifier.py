"""The classifiers, which score entity pairs: grouped bilinear, with weights of its own or from words."""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from atlop.ops import grouped_bilinear
from atlop.ops.linear import Linear, linear

LABEL_SIZE = 64
"""Width in which pairs and words meet, and so the rank of the weights: fewer products than for DocRED's 97 classes."""

LABELS_AT_A_TIME = 32
"""Products have always this many columns, so that a class more leaves the bits of the other scores as they are."""


class GroupedBilinear(nn.Module):
    """Scores the relations of a pair from subject, object and context (paper, equations for z and for P)."""

    def __init__(self, width: int, *, context_width: int, classes: int, representation_size: int, block_size: int):
        """Make the layers, initialized by `nn.Linear` as published.

        Args:
            width: Width of entity embeddings.
            context_width: Width of contexts; 0 without context.
            classes: Number of classes, TH included.
            representation_size: Width of the representations of subject and object.
            block_size: Width of a group; divides `representation_size`.
        """
        super().__init__()
        self.block_size = block_size
        self.subject_projection = Linear(width + context_width, representation_size)
        self.object_projection = Linear(width + context_width, representation_size)
        self.bilinear = Linear(representation_size * block_size, classes)

    def forward(self, embeddings: Tensor, pairs: Tensor, context: Tensor) -> Tensor:
        """Score pairs.

        Args:
            embeddings: Entity embeddings, `[entities, width]`.
            pairs: Subject and object of each pair, int `[pairs, 2]`.
            context: Localized context of each pair, `[pairs, context width]`.

        Returns:
            `[pairs, classes]`, at least float32.
        """
        subject = _project(self.subject_projection, embeddings, pairs[:, 0], context)
        object_ = _project(self.object_projection, embeddings, pairs[:, 1], context)
        subject, object_ = (side.unflatten(1, (-1, self.block_size)) for side in (subject, object_))
        # Under autocast the projections are in lower precision already; the weight follows.
        return grouped_bilinear(subject, object_, self.bilinear.weight.to(subject.dtype)) + self.bilinear.bias


class LabelClassifier(GroupedBilinear):
    """Scores the relations of a pair by how its outer products match the words of each relation.

    A relation has no weights of its own: `W_r = Uᵀ M v_r` from its vector `v_r`, so that it can be added to a trained
    model.
    """

    label_vectors: Tensor
    """The pretrained encoder's vector of the words of each class, `[classes, width]`; not trained."""
    label_mean: Tensor
    """Mean of the vectors that the model was first trained with, `[width]`; they have much in common."""

    def __init__(self, width: int, *, context_width: int, classes: int, representation_size: int, block_size: int):
        """Make the layers; the vectors of words are zeros until they are set. See `GroupedBilinear`."""
        super().__init__(
            width,
            context_width=context_width,
            classes=LABEL_SIZE,
            representation_size=representation_size,
            block_size=block_size,
        )
        self.label_map = Linear(width, LABEL_SIZE)
        self.register_buffer("label_vectors", torch.zeros(classes, width))
        self.register_buffer("label_mean", torch.zeros(width))

    def forward(self, embeddings: Tensor, pairs: Tensor, context: Tensor) -> Tensor:
        """Score pairs; see `GroupedBilinear.forward`."""
        products = super().forward(embeddings, pairs, context)  # [pairs, LABEL_SIZE]
        classes = len(self.label_vectors)
        vectors = functional.pad(self.label_vectors, (0, 0, 0, -classes % LABELS_AT_A_TIME))
        with torch.autocast(products.device.type, enabled=False):
            scores = [linear(products, self._weights(some)) for some in vectors.split(LABELS_AT_A_TIME)]
        return torch.cat(scores, dim=1)[:, :classes] / sqrt(LABEL_SIZE)

    def _weights(self, vectors: Tensor) -> Tensor:
        """Return the weights of some classes from the vectors of their words, `[classes, LABEL_SIZE]`."""
        vectors = functional.normalize(vectors - self.label_mean, dim=1) * sqrt(vectors.shape[1])
        weights: Tensor = self.label_map(vectors)
        return weights


def _project(layer: Linear, embeddings: Tensor, entities: Tensor, context: Tensor) -> Tensor:
    """Return `tanh(W [e ; c] + b)` for each pair; the product with `e` is computed once per entity."""
    embedding_weight, context_weight = layer.weight.split([embeddings.shape[1], context.shape[1]], dim=1)
    projected = linear(embeddings, embedding_weight.contiguous())
    return torch.tanh(projected.index_select(0, entities) + linear(context, context_weight.contiguous(), layer.bias))


def new_type_embeddings(types: int, *, width: int) -> nn.Embedding:
    """Return embeddings of types of entities, from N(0, 0.02²), after one of zeros for no type or an unknown one."""
    embeddings = nn.Embedding(1 + types, width, padding_idx=0)  # from N(0, 1); the first one is zero and not trained
    with torch.no_grad():
        embeddings.weight.mul_(0.02)
    return embeddings
