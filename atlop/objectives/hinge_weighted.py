"""Adaptive hinge balance loss (HingeABL): the relations of a pair that are hard share the weight.

J. Wang et al., *Adaptive Hinge Balance Loss for Document-Level Relation Extraction*, Findings of EMNLP 2023.
"""

import torch
from pydantic import Field
from torch import Tensor

from atlop.objectives.objective import PairwiseObjective, relation_margins
from atlop.objectives.separate_thresholding import relation_losses


class HingeWeighted(PairwiseObjective):
    """Separate thresholding, weighed by how far each relation is from safe; a relation holds when it is above TH.

    Keeps 4.2 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    margin: float = Field(5.0, gt=0)
    """Margin from TH, in nats, beyond which a relation is safe and has no weight."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P w_r · −log σ(m_r) + Σ_N v_r · −log σ(−m_r)`, with weights that add up to 1 in each sum.

        `w_r` is `[margin − m_r]₊` over its sum over P, `v_r` is `[margin + m_r]₊` over its sum over N; a sum of 0 gives
        weights of 0. Gradients flow through the weights.
        """
        margins, positive = relation_margins(scores, labels)
        distance = (self.margin - torch.where(positive, margins, -margins)).relu()
        losses = distance * relation_losses(margins, positive)
        return _shared(losses, distance, among=positive) + _shared(losses, distance, among=~positive)


def _shared(losses: Tensor, distance: Tensor, *, among: Tensor) -> Tensor:
    """Divide losses that are weighed by distance by the sum of the distances, `[pairs]`."""
    weight = torch.where(among, distance, 0.0).sum(dim=1)
    return torch.where(among, losses, 0.0).sum(dim=1) / torch.where(weight > 0, weight, 1.0)
