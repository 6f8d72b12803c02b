"""Positive-unlabelled learning (SSR-PU): pairs without a label count as unlabelled, not as negative.

Y. Wang et al., *A Unified Positive-Unlabeled Learning Framework for Document-Level Relation Extraction with Different
Levels of Labeling*, EMNLP 2022.
"""

from typing import Self

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from atlop.errors import AtlopError
from atlop.objectives.objective import Objective, relation_margins
from atlop.preprocessing import copy_to
from atlop.schema import THRESHOLD_CLASS


class PositiveUnlabelled(Objective):
    """Squared ranking against TH with an estimated risk of negatives; a relation holds if it scores above TH.

    Not a loss per pair: positive and unlabelled pairs are averaged separately for each relation, within each batch of
    each process, and a step averages these estimates weighted by pairs. Unlike with pairwise losses, gradient
    accumulation and several processes change the result, since each estimate then uses fewer pairs.

    Keeps 2.2 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    prior_factor: float = Field(3.0, ge=1)
    """Estimated ratio of pairs that have a relation to pairs labelled with it."""
    margin: float = Field(0.25, ge=0)
    """c: target margin from TH, in score units."""

    _labelled_shares: Tensor | None = PrivateAttr(None)
    """Share of train pairs labelled with each relation, float32 `[relations]`."""

    def with_class_shares(self, class_shares: Tensor) -> Self:
        """Return the objective with priors from the train file; see `Objective.with_class_shares`.

        Raises:
            AtlopError: `prior_factor` times a relation's share is not below 1.
        """
        largest = class_shares.max().item()
        if self.prior_factor * largest >= 1:
            raise AtlopError(
                f"objective.parameters.prior_factor: {self.prior_factor:g} times {largest:.4f}, the share of train "
                f"pairs with the most frequent relation, is not below 1; use less than {1 / largest:.2f}"
            )
        objective = self.model_copy()
        objective._labelled_shares = class_shares[THRESHOLD_CLASS + 1 :]
        return objective

    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the estimated risk, summed over relations, times the number of pairs.

        With `ℓ(z, y) = ¼ (z · y − c)²`, π_l the share of train pairs labelled r, `π = prior_factor · π_l`,
        `π_u = (π − π_l) / (1 − π_l)` and `ω = ((1 − π) / π)^½`:
        `R⁻ = (1 − π)/(1 − π_u) · E_unlabelled ℓ(m_r, −1) − (π_u − π_u π)/(1 − π_u) · E_positive ℓ(m_r, −1)` and
        `R⁺ = π ω · E_positive ℓ(m_r, +1)`; the risk is `R⁺ + R⁻` if `R⁻ ≥ 0`, else `−R⁻`. An expectation over no
        pairs is 0.
        """
        assert self._labelled_shares is not None, "build_training calls with_class_shares"
        margins, positive = relation_margins(scores, labels)
        labelled = copy_to(self._labelled_shares, margins.device).to(margins.dtype)
        prior = self.prior_factor * labelled
        unlabelled = (prior - labelled) / (1 - labelled)
        as_positive = _mean((margins - self.margin).square() / 4, mask=positive)
        as_negative = (margins + self.margin).square() / 4
        negative_risk = (1 - prior) / (1 - unlabelled) * _mean(as_negative, mask=~positive)
        negative_risk = negative_risk - unlabelled * (1 - prior) / (1 - unlabelled) * _mean(as_negative, mask=positive)
        positive_risk = (prior * (1 - prior)).sqrt() * as_positive  # π ω without dividing by a prior of 0
        risk = torch.where(negative_risk >= 0, positive_risk + negative_risk, -negative_risk)
        return risk.sum() * len(scores)


def _mean(values: Tensor, *, mask: Tensor) -> Tensor:
    """Average over the masked pairs, `[relations]`; 0 if there are none."""
    return torch.where(mask, values, 0.0).sum(dim=0) / mask.sum(dim=0).clamp(min=1)
