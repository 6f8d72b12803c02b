"""Adaptive hinge balance loss (HingeABL): the weight of a relation is its share of the pair's hinge losses.

J. Wang et al., *Adaptive Hinge Balance Loss for Document-Level Relation Extraction*, Findings of EMNLP 2023.
"""

import torch
from pydantic import Field
from torch import Tensor

from atlop.objectives.objective import PairwiseObjective, relation_margins
from atlop.objectives.separate_thresholding import relation_losses


class HingeWeighted(PairwiseObjective):
    """Separate thresholding weighted by hinge losses; a relation holds if it scores above TH.

    Keeps 4.2 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    margin: float = Field(5.0, gt=0)
    """Margin from TH, in nats, beyond which a relation has no weight."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P w_r · −log σ(m_r) + Σ_N v_r · −log σ(−m_r)`.

        `w_r` is `[margin − m_r]₊` divided by its sum over P, `v_r` is `[margin + m_r]₊` divided by its sum over N. If a
        sum is 0, so are the weights. Gradients flow through the weights.
        """
        margins, positive = relation_margins(scores, labels)
        weights = (self.margin - torch.where(positive, margins, -margins)).relu()
        weighted = weights * relation_losses(margins, positive)
        return _weighted_mean(weighted, weights, mask=positive) + _weighted_mean(weighted, weights, mask=~positive)


def _weighted_mean(weighted: Tensor, weights: Tensor, *, mask: Tensor) -> Tensor:
    """Divide the sum of weighted losses by the sum of weights over the masked relations, `[pairs]`."""
    total = torch.where(mask, weights, 0.0).sum(dim=1)
    return torch.where(mask, weighted, 0.0).sum(dim=1) / torch.where(total > 0, total, 1.0)
