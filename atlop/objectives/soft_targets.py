"""Training on teachers' margins as soft targets, beside labels (after Hinton et al., arXiv 1503.02531)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch.nn.functional import softplus

from atlop.config import DistillationConfig
from atlop.model import LossTerm, PairOutputs
from atlop.objectives.objective import Objective
from atlop.preprocessing import Batch
from atlop.preprocessing.pair_blocks import gather_rows
from atlop.schema import THRESHOLD_CLASS


class Loss(Protocol):
    """What a step trains with."""

    def __call__(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss of a batch on the device of its outputs."""
        ...

    def count(self, batch: Batch) -> int:
        """Return what the loss of a batch is averaged over; known before the forward pass."""
        ...


def training_losses(objective: Objective, *, config: DistillationConfig) -> dict[str, Loss]:
    """Return the losses of a training with teachers by name: that of the labels, and that of the soft targets."""
    losses: dict[str, Loss] = {}
    if config.hard:
        losses["relation"] = LabelLoss(objective, weight=config.hard)
    if config.weight:
        losses["distillation"] = SoftTargetLoss(objective, temperature=config.temperature, weight=config.weight)
    return losses


@dataclass(frozen=True)
class LabelLoss:
    """An objective on the labelled documents of a batch, averaged over their pairs."""

    objective: Objective
    weight: float

    def __call__(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss of a batch; a document counts with its weight."""
        scores, labels = outputs.scores, batch.dense_labels(outputs.scores.shape[1])
        total = scores.new_zeros(())
        for weight in sorted({each.weight for each in batch.supervision if each.labelled}):
            is_in = [each.labelled and each.weight == weight for each in batch.supervision]
            rows = np.flatnonzero(np.repeat(is_in, batch.pair_counts))
            total = total + weight * self.objective.total(gather_rows(scores, rows), gather_rows(labels, rows))
        return LossTerm(total, self.count(batch), weight=self.weight)

    def count(self, batch: Batch) -> int:
        """Return the number of pairs of labelled documents."""
        return sum(pairs for pairs, each in zip(batch.pair_counts, batch.supervision, strict=True) if each.labelled)


@dataclass(frozen=True)
class SoftTargetLoss:
    """Binary divergence of the student's margins from the teachers', averaged over the pairs that have a teacher."""

    objective: Objective
    temperature: float
    weight: float

    def __call__(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the loss of a batch; a document counts with its weight.

        A pair's loss is `T² Σ_r KL(σ(t_r / T) ‖ σ(m_r / T))`, in nats, for margins m of the student and t of the
        teacher; those of the teacher are at least `margins.FLOOR`.
        """
        relations = slice(THRESHOLD_CLASS + 1, None)
        student = self.objective.margins(outputs.scores)[:, relations] / self.temperature
        teacher = batch.dense_margins(outputs.scores.shape[1])[:, relations] / self.temperature
        divergence = softplus(student) - softplus(teacher) - teacher.sigmoid() * (student - teacher)
        weights = batch.pair_values([each.weight * (each.margins is not None) for each in batch.supervision])
        total = self.temperature**2 * (divergence.sum(dim=1) * weights).sum()
        return LossTerm(total, self.count(batch), weight=self.weight)

    def count(self, batch: Batch) -> int:
        """Return the number of pairs that have a teacher."""
        counts = zip(batch.pair_counts, batch.supervision, strict=True)
        return sum(pairs for pairs, each in counts if each.margins is not None)
