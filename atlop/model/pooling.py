"""Pool mentions into entities."""

import torch
from torch import Tensor, nn


class LogSumExp(nn.Module):
    """`log Σ exp` over an entity's mentions (paper, equation for entity embeddings)."""

    def __init__(self, width: int):
        """Ignore the width; there are no weights."""
        super().__init__()

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """Pool the mentions of each entity.

        Args:
            states: Encoder states at the mentions, `[documents, entities, mentions, width]`; arbitrary at padding.
            present: False at padding, bool `[documents, entities, mentions]`.

        Returns:
            `[documents, entities, width]`; zeros for an entity without a mention.
        """
        has_mention = present.any(dim=2)
        # An entity without mentions pools its padding and is zeroed below: logsumexp of only −∞ has no gradient.
        padding = (~present & has_mention[..., None])[..., None]
        pooled = states.masked_fill(padding, -torch.inf).logsumexp(dim=2)
        return pooled.masked_fill(~has_mention[..., None], 0.0)


class Mean(nn.Module):
    """Mean of an entity's mentions (paper, ablation "− logsumexp")."""

    def __init__(self, width: int):
        """Ignore the width; there are no weights."""
        super().__init__()

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """Pool the mentions of each entity, as `LogSumExp.forward` does."""
        sums = states.masked_fill(~present[..., None], 0.0).sum(dim=2)
        return sums / present.sum(dim=2, keepdim=True).clamp(min=1)


POOLINGS: dict[str, type[nn.Module]] = {"logsumexp": LogSumExp, "mean": Mean}
"""Poolings by name, for `pooling.mentions`; constructed with the width of the states and called like `LogSumExp`."""
