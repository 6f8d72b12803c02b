"""Adaptive thresholding: a pair's threshold is its score for the class TH (paper, 'Adaptive Thresholding')."""

import torch
from torch import Tensor

from atlop.objectives.objective import PairwiseObjective, at_least_float32
from atlop.schema import THRESHOLD_CLASS


class AdaptiveThresholding(PairwiseObjective):
    """The paper's loss; a relation holds if it scores above TH.

    Keeps 2.5 times the scores' memory for the backward pass.
    """

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Push positive classes above TH and the others below it (paper, equations for L1 and L2)."""
        scores = at_least_float32(scores)
        is_threshold = torch.zeros_like(labels)
        is_threshold[:, THRESHOLD_CLASS] = True
        positive = labels & ~is_threshold
        # Both sums contain TH, so neither is the logarithm of zero.
        above = scores.masked_fill(~(positive | is_threshold), -torch.inf).logsumexp(dim=1, keepdim=True)
        below = scores.masked_fill(positive, -torch.inf).logsumexp(dim=1)
        positive_loss = torch.where(positive, above - scores, 0.0).sum(dim=1)
        return positive_loss + below - scores[:, THRESHOLD_CLASS]
