"""What training and decoding ask of an objective, and the decision rule that all of them share."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from atlop.config import Section
from atlop.model import LossTerm, PairOutputs
from atlop.preprocessing import Batch
from atlop.schema import THRESHOLD_CLASS


class Objective(Section, ABC):
    """A loss, and what the score of a relation is compared with. Its fields are the parameters of the loss.

    Each says what memory it keeps for the backward pass, as measured with 1,000 pairs, 97 classes and float32 scores.
    The time of each is that of a few passes over the scores, which is lost beside the encoder's.
    """

    has_threshold_class: ClassVar[bool] = True
    """Whether a relation is compared with TH. Where not, the column of TH is neither trained nor read."""

    def __call__(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss of a batch that is where its outputs are."""
        labels = batch.dense_labels(outputs.scores.shape[1])
        return LossTerm(self.total(outputs.scores, labels), self.count(batch))

    def count(self, batch: Batch) -> int:
        """Return what the loss of a batch is averaged over: its pairs; known before it is scored."""
        return len(batch.pairs)

    @abstractmethod
    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return what training minimises over some pairs, times their number.

        Training adds the totals of a step's batches and divides by all pairs of the step, so that every pair
        counts alike, whatever batch and process it is in.

        Args:
            scores: `[pairs, classes]`, any floating type; computed in float32 at least.
            labels: Which classes hold, bool `[pairs, classes]`; the column of TH is ignored.

        Returns:
            A scalar, float32 (float64 for scores in float64); 0 for no pairs.
        """

    def with_class_shares(self, class_shares: Tensor) -> Self:
        """Return the objective that knows the train file; the same one where it learns nothing from that.

        Args:
            class_shares: Share of the train pairs that each class holds for, float32 `[classes]`; 0 for TH.

        Raises:
            AtlopError: The objective cannot train with these shares.
        """
        return self

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


class PairwiseObjective(Objective):
    """An objective whose value is the mean of a loss of each pair."""

    @abstractmethod
    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each pair.

        Args:
            scores: `[pairs, classes]`, any floating type; computed in float32 at least.
            labels: Which classes hold, bool `[pairs, classes]`; the column of TH is ignored.

        Returns:
            Float32 (float64 for scores in float64) `[pairs]`, summed over classes, in nats.
        """

    def total(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the sum of all pairs' losses; see `Objective.total`."""
        return self.loss(scores, labels).sum()


def relation_margins(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return `s_r − s_TH` of each relation in float32 at least, and whether it holds, both `[pairs, relations]`."""
    scores = at_least_float32(scores)
    return scores[:, THRESHOLD_CLASS + 1 :] - scores[:, [THRESHOLD_CLASS]], labels[:, THRESHOLD_CLASS + 1 :]


def at_least_float32(scores: Tensor) -> Tensor:
    """Return scores in float32, or in float64 where they are."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _without_threshold_class(values: Tensor) -> Tensor:
    """Return a copy with −inf in the column of TH."""
    is_threshold = torch.arange(values.shape[1], device=values.device) == THRESHOLD_CLASS
    return values.masked_fill(is_threshold, -torch.inf)
