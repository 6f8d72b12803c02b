"""Adaptive margin loss (AML): separate every relation from TH by a margin.

A baseline in J. Wang et al., *Adaptive Hinge Balance Loss for Document-Level Relation Extraction*,
Findings of EMNLP 2023.
"""

import torch
from pydantic import Field
from torch import Tensor

from atlop.objectives.objective import PairwiseObjective, relation_margins


class AdaptiveMargin(PairwiseObjective):
    """A hinge loss of each relation against TH; a relation holds if it scores above TH.

    Keeps 1.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    margin: float = Field(1.0, gt=0)
    """Margin from TH, in score units, beyond which a relation has no loss."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P [margin − m_r]₊ + Σ_N [margin + m_r]₊` with `m_r = s_r − s_TH`."""
        margins, positive = relation_margins(scores, labels)
        return (self.margin - torch.where(positive, margins, -margins)).relu().sum(dim=1)
