"""Pairwise moving-threshold loss with entropy minimisation (the first part of PEMSCL, without its contrastive loss).

J. Guo, S. Kok and L. Bing, *Towards Integration of Discriminability and Robustness for Document-Level Relation
Extraction*, EACL 2023.
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from atlop.objectives.objective import PairwiseObjective, relation_margins
from atlop.objectives.separate_thresholding import relation_losses


class MovingThreshold(PairwiseObjective):
    """Separate thresholding that also minimises entropy; a relation holds if it scores above TH.

    Keeps 11.2 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    positive_entropy_weight: float = Field(1.0, ge=0)
    """λ₁: weight of the mean entropy of the pair's positive relations."""
    negative_entropy_weight: float = Field(1.0, ge=0)
    """λ₂: weight of the mean entropy of the pair's other relations."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return separate thresholding `+ λ₁ · mean_P H(σ(m_r)) + λ₂ · mean_N H(σ(m_r))`.

        H is the binary entropy in nats; a mean over no relations is 0.
        """
        margins, positive = relation_margins(scores, labels)
        entropy = -margins.sigmoid() * logsigmoid(margins) - (-margins).sigmoid() * logsigmoid(-margins)
        return (
            relation_losses(margins, positive).sum(dim=1)
            + self.positive_entropy_weight * _mean(entropy, mask=positive)
            + self.negative_entropy_weight * _mean(entropy, mask=~positive)
        )


def _mean(values: Tensor, *, mask: Tensor) -> Tensor:
    """Average over the masked relations of each pair, `[pairs]`; 0 if there are none."""
    return torch.where(mask, values, 0.0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
