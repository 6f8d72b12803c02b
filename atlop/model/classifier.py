"""Pairs of entities to scores: the grouped bilinear classifier."""

import torch
from torch import Tensor, nn


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
        self.subject_projection = nn.Linear(2 * width, representation_size)
        self.object_projection = nn.Linear(2 * width, representation_size)
        self.bilinear = nn.Linear(representation_size * block_size, classes)

    def forward(self, subject: Tensor, object_: Tensor, context: Tensor) -> Tensor:
        """Score pairs.

        Args:
            subject: Embedding of each pair's subject, `[pairs, width]`.
            object_: Embedding of each pair's object, `[pairs, width]`.
            context: Localized context of each pair, `[pairs, width]`.

        Returns:
            `[pairs, classes]`.
        """
        subject = torch.tanh(self.subject_projection(torch.cat([subject, context], dim=1)))
        object_ = torch.tanh(self.object_projection(torch.cat([object_, context], dim=1)))
        groups = (len(subject), -1, self.block_size)
        products = subject.view(groups)[:, :, :, None] * object_.view(groups)[:, :, None, :]
        scores: Tensor = self.bilinear(products.flatten(start_dim=1))
        return scores
