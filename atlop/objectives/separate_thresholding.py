"""Separate adaptive thresholding (SAT): compare every relation with TH independently.

A baseline in J. Wang et al., *Adaptive Hinge Balance Loss for Document-Level Relation Extraction*,
Findings of EMNLP 2023.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from atlop.objectives.objective import PairwiseObjective, relation_margins


class SeparateThresholding(PairwiseObjective):
    """Binary cross-entropy of the margins; a relation holds if it scores above TH.

    Keeps 2.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P −log σ(m_r) + Σ_N −log σ(−m_r)` with `m_r = s_r − s_TH`."""
        margins, positive = relation_margins(scores, labels)
        return relation_losses(margins, positive).sum(dim=1)


def relation_losses(margins: Tensor, positive: Tensor) -> Tensor:
    """Return `−log σ(m_r)` for positive and `−log σ(−m_r)` for other relations, `[pairs, relations]`."""
    return -logsigmoid(torch.where(positive, margins, -margins))
