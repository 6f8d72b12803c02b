"""From mentions to entities: poolings by name."""

import torch
from torch import Tensor, nn


class LogSumExp(nn.Module):
    """`log Σ exp` over an entity's mentions (paper, equation for entity embeddings)."""

    def __init__(self, width: int):
        """Need nothing of the width."""
        super().__init__()

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """Pool the mentions of each entity.

        Args:
            states: Encoder states at the mentions, `[documents, entities, slots, width]`; anything where none is.
            present: Which slots hold a mention, bool `[documents, entities, slots]`.

        Returns:
            `[documents, entities, width]`; zeros for an entity without a mention.
        """
        has_mention = present.any(dim=2)
        # An entity without mentions pools zeros that are dropped again: logsumexp over −∞ alone has no gradient.
        absent = (~present & has_mention[..., None])[..., None]
        pooled = states.masked_fill(absent, -torch.inf).logsumexp(dim=2)
        return pooled.masked_fill(~has_mention[..., None], 0.0)


class Mean(nn.Module):
    """The mean of an entity's mentions (paper, ablation "− logsumexp")."""

    def __init__(self, width: int):
        """Need nothing of the width."""
        super().__init__()

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """Pool the mentions of each entity; args and result are those of `LogSumExp`."""
        sums = states.masked_fill(~present[..., None], 0.0).sum(dim=2)
        return sums / present.sum(dim=2, keepdim=True).clamp(min=1)


POOLINGS: dict[str, type[nn.Module]] = {"logsumexp": LogSumExp, "mean": Mean}
"""Made with the width of the states; called like `LogSumExp`. `pooling.mentions` names one."""
