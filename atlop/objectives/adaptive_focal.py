"""Adaptive focal loss (AFL): adaptive thresholding that gives hard positives more weight.

Q. Tan et al., *Document-Level Relation Extraction with Adaptive Focal Loss and Knowledge Distillation*, Findings of
ACL 2022 (KD-DocRE).
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from atlop.objectives.objective import PairwiseObjective, relation_margins


class AdaptiveFocal(PairwiseObjective):
    """Compares each positive relation with TH, with a focal weight; a relation holds if it scores above TH.

    Keeps 7.9 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    focus: float = Field(1.0, ge=0)
    """γ: the weight of a positive falls from 2 to 1 with its probability, the faster the larger γ."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P −(1 + (1 − p_r)^γ) · log p_r`, with `p_r = σ(s_r − s_TH)`, plus L2 of adaptive thresholding."""
        margins, positive = relation_margins(scores, labels)
        weight = 1 + (self.focus * logsigmoid(-margins)).exp()  # a power has no gradient if p rounds to 1
        positive_loss = torch.where(positive, -weight * logsigmoid(margins), 0.0).sum(dim=1)
        # log Σ_{N ∪ TH} exp(s − s_TH); the zeros are the margin of TH itself
        negatives = margins.masked_fill(positive, -torch.inf)
        return positive_loss + torch.cat([torch.zeros_like(margins[:, :1]), negatives], dim=1).logsumexp(dim=1)
