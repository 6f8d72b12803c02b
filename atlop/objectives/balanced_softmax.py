"""Balanced softmax (ZLPR): rank positive relations above 0 and all others below it.

J. Su et al., *ZLPR: A Novel Loss for Multi-label Classification*, arXiv 2208.02955, 2022.
"""

import torch
from torch import Tensor

from atlop.objectives.objective import PairwiseObjective, at_least_float32
from atlop.schema import THRESHOLD_CLASS


class BalancedSoftmax(PairwiseObjective):
    """Adaptive thresholding with a fixed threshold of 0; a relation holds if its score is positive.

    Keeps 2.3 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    has_threshold_class = False

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `log(1 + Σ_P e^{−s_r}) + log(1 + Σ_N e^{s_r})`."""
        scores = at_least_float32(scores)
        positive = labels[:, THRESHOLD_CLASS + 1 :]
        relations = scores[:, THRESHOLD_CLASS + 1 :]
        one = torch.zeros_like(relations[:, :1])  # exp 0
        above = torch.cat([one, (-relations).masked_fill(~positive, -torch.inf)], dim=1).logsumexp(dim=1)
        below = torch.cat([one, relations.masked_fill(positive, -torch.inf)], dim=1).logsumexp(dim=1)
        return above + below
