"""The interface of objectives, and the decision rule that all of them share."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from atlop.config import Section
from atlop.model import LossTerm, PairOutputs
from atlop.preprocessing import Batch
from atlop.schema import THRESHOLD_CLASS


class Objective(Section, ABC):
    """A loss and its decision rule. Its fields are the parameters of the loss.

    Each subclass documents the memory that it keeps for the backward pass, measured with 1,000 pairs, 97 classes and
    float32 scores. Every loss takes a few passes over the scores, which is negligible next to the encoder.
    """

    has_threshold_class: ClassVar[bool] = True
    """Whether relations are compared with TH; if not, the TH column is neither trained nor read."""

    def __call__(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss of a batch on the same device as its outputs."""
        labels = batch.dense_labels(outputs.scores.shape[1])
        return LossTerm(self.total(outputs.scores, labels), self.count(batch))

    def count(self, batch: Batch) -> int:
        """Return the number of pairs that a batch's loss is averaged over; known before the forward pass."""
        return len(batch.pairs)

    @abstractmethod
    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of some pairs times their number.

        Training sums the totals over all batches and processes of a step and divides by all pairs, so every pair has
        the same weight.

        Args:
            scores: `[pairs, classes]`, any floating type; computed in at least float32.
            labels: Whether each class holds, bool `[pairs, classes]`; the TH column is ignored.

        Returns:
            A scalar, float32 (float64 for scores in float64); 0 for no pairs.
        """

    def with_class_shares(self, class_shares: Tensor) -> Self:
        """Return the objective adapted to class frequencies in train; by default itself.

        Args:
            class_shares: Share of train pairs with each class, float32 `[classes]`; 0 for TH.

        Raises:
            AtlopError: The objective cannot train with these shares.
        """
        return self

    def margins(self, scores: Tensor) -> Tensor:
        """Return the values that the decision compares with thresholds.

        Args:
            scores: `[pairs, classes]`, any floating type.

        Returns:
            `s_r − s_TH`, or `s_r` for an objective without TH, float32 `[pairs, classes]`; −inf in the TH column.
        """
        scores = at_least_float32(scores)
        margins = scores - _threshold_scores(scores) if self.has_threshold_class else scores
        return _without_threshold_class(margins).float()

    def decide(self, scores: Tensor, *, max_relations: int, thresholds: Tensor | None = None) -> Tensor:
        """Return the relations that hold: margin above the threshold, and among the pair's largest scores.

        Args:
            scores: `[pairs, classes]`.
            max_relations: Number of largest relation scores per pair that may hold (k); ties with the k-th may hold
                too. TH does not count, so that thresholds below 0 can find relations below TH.
            thresholds: Threshold for the margin of each class, float32 `[classes]`; 0 by default.

        Returns:
            Bool `[pairs, classes]`; false in the TH column.
        """
        smallest_kept = _without_threshold_class(scores).topk(min(max_relations, scores.shape[1]), dim=1).values[:, -1:]
        return (self.margins(scores) > (0 if thresholds is None else thresholds)) & (scores >= smallest_kept)


class PairwiseObjective(Objective):
    """An objective that is the mean of one loss per pair."""

    @abstractmethod
    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each pair.

        Args:
            scores: `[pairs, classes]`, any floating type; computed in at least float32.
            labels: Whether each class holds, bool `[pairs, classes]`; the TH column is ignored.

        Returns:
            Float32 (float64 for scores in float64) `[pairs]`, summed over classes, in nats.
        """

    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the sum of the pairs' losses."""
        return self.loss(scores, labels).sum()


def relation_margins(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return `s_r − s_TH` in at least float32, and whether the relation holds, both `[pairs, relations]`."""
    scores = at_least_float32(scores)
    return scores[:, THRESHOLD_CLASS + 1 :] - _threshold_scores(scores), labels[:, THRESHOLD_CLASS + 1 :]


def at_least_float32(scores: Tensor) -> Tensor:
    """Return scores as float32; float64 stays float64."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _threshold_scores(scores: Tensor) -> Tensor:
    """Return the scores of TH, `[pairs, 1]`; by a slice, as a list of columns would wait for a GPU."""
    return scores[:, THRESHOLD_CLASS : THRESHOLD_CLASS + 1]


def _without_threshold_class(values: Tensor) -> Tensor:
    """Return a copy with −inf in the TH column."""
    is_threshold = torch.arange(values.shape[1], device=values.device) == THRESHOLD_CLASS
    return values.masked_fill(is_threshold, -torch.inf)
