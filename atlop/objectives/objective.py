"""What training and decoding ask of an objective, and the decision rule that all of them share."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from atlop.schema import THRESHOLD_CLASS


class Objective(ABC):
    """A loss, and what the score of a relation is compared with."""

    has_threshold_class: ClassVar[bool] = True
    """Whether a relation is compared with TH. Where not, the column of TH is neither trained nor read."""

    @abstractmethod
    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each pair, float32 `[pairs]`, from scores and bool labels, both `[pairs, classes]`."""

    def margins(self, scores: Tensor) -> Tensor:
        """Return how far each relation is above what the decision compares it with.

        Args:
            scores: `[pairs, classes]`, any floating type.

        Returns:
            `s_r − s_TH`, or `s_r` of an objective without TH, float32 `[pairs, classes]`; −inf in the column of TH.
        """
        scores = at_least_float32(scores)
        margins = scores - scores[:, [THRESHOLD_CLASS]] if self.has_threshold_class else scores
        return _without_threshold_class(margins).float()

    def decide(self, scores: Tensor, *, max_relations: int, thresholds: Tensor | None = None) -> Tensor:
        """Return which relations hold: those whose margin exceeds its threshold, among the pair's largest scores.

        Args:
            scores: `[pairs, classes]`.
            max_relations: Largest scores of relations that count (k); ties at the k-th place stay. Counting TH among
                them would change nothing for relations above it, and would hide what a threshold below 0 is for.
            thresholds: Of the margin of each class, float32 `[classes]`; 0 without them.

        Returns:
            Bool `[pairs, classes]`; the column of TH is false.
        """
        smallest_kept = _without_threshold_class(scores).topk(min(max_relations, scores.shape[1]), dim=1).values[:, -1:]
        return (self.margins(scores) > (0 if thresholds is None else thresholds)) & (scores >= smallest_kept)


def at_least_float32(scores: Tensor) -> Tensor:
    """Return scores in float32, or in float64 where they are."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _without_threshold_class(values: Tensor) -> Tensor:
    """Return a copy with −inf in the column of TH."""
    is_threshold = torch.arange(values.shape[1], device=values.device) == THRESHOLD_CLASS
    return values.masked_fill(is_threshold, -torch.inf)
