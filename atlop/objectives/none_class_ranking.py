"""None class ranking loss (NCRL): rank relations against the none class TH, and TH against their mean.

Y. Zhou and W. S. Lee, *None Class Ranking Loss for Document-Level Relation Extraction*, IJCAI 2022.
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from atlop.objectives.objective import PairwiseObjective, relation_margins


class NoneClassRanking(PairwiseObjective):
    """Separate thresholding with a margin for TH itself; a relation holds if it scores above TH.

    Keeps 6.2 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    shift: float = Field(0.0, ge=0, lt=1)
    """γ: probability up to which negatives have no loss, in case labels are missing; often 0.05."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_P −log σ(m_r) + Σ_N −log min(1, σ(−m_r) + γ)` and a term for TH.

        That term is `−log σ(m_0)` with `m_0 = s_TH − mean_r s_r` if no relation holds, else
        `−log min(1, σ(−m_0) + γ)`.
        """
        margins, positive = relation_margins(scores, labels)
        margins = torch.cat([-margins.mean(dim=1, keepdim=True), margins], dim=1)  # TH, then the relations
        positive = torch.cat([~positive.any(dim=1, keepdim=True), positive], dim=1)
        shift = margins.new_full((), self.shift).log()  # −inf for a shift of 0, which adds nothing
        shifted = torch.logaddexp(logsigmoid(-margins), shift).clamp(max=0)
        return -torch.where(positive, logsigmoid(margins), shifted).sum(dim=1)
