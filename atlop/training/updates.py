"""One update of the weights from the documents of one or more batches."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from atlop.config import OptimizerConfig
from atlop.encoding import EncodedDocument, collate
from atlop.model import AtlopModel
from atlop.training.schedule import Update, make_optimizer


@dataclass(frozen=True)
class UpdateMetrics:
    """What one update gives to log. Tensors stay on their device, so that nothing waits for them."""

    loss: Tensor
    """Mean loss of the update's pairs, over all processes; a scalar in nats."""
    gradient_norm: Tensor
    """Norm of all gradients before clipping; a scalar."""
    encoder_learning_rate: float
    new_layers_learning_rate: float
    skipped: bool
    """Whether float16 gradients overflowed, so that the weights were left as they are."""


class Updater:
    """Holds model, optimizer and schedule, and applies one update after the other."""

    def __init__(
        self,
        model: AtlopModel,
        *,
        accelerator: Accelerator,
        documents: Sequence[EncodedDocument],
        pair_counts: Sequence[int] | NDArray[np.int64],
        config: OptimizerConfig,
        updates: int,
    ):
        """Prepare the model for training on the accelerator's device.

        Args:
            model: The model to train, in place.
            accelerator: Device, precision and processes.
            documents: All train documents.
            pair_counts: Number of pairs of each.
            config: Optimizer and schedule.
            updates: Updates of the whole training.
        """
        self._accelerator = accelerator
        self._documents = documents
        self._pair_counts = pair_counts
        self._objective = model.objective
        self._padding = model.padding
        self._classes = model.config.vocabulary.classes
        self._max_gradient_norm = config.max_gradient_norm
        model.to(accelerator.device)
        optimizer, self._schedule = make_optimizer(model, config=config, updates=updates)
        self._model, self._optimizer = accelerator.prepare(model, optimizer)

    def apply(self, update: Update) -> UpdateMetrics:
        """Train on the batches of one update: the loss is averaged over all of its pairs, whatever batch they are in.

        Args:
            update: Document indices of each batch, the same in every process; each takes its share of every batch.
        """
        accelerator = self._accelerator
        pairs = max(1, sum(int(self._pair_counts[index]) for batch in update for index in batch))
        rates = [float(rate) for rate in self._schedule.get_last_lr()]
        losses = []
        self._model.train()
        for number, indices in enumerate(update, start=1):
            share = indices[accelerator.process_index :: accelerator.num_processes]
            # Gradients of several processes are put together once, with the last batch.
            with nullcontext() if number == len(update) else accelerator.no_sync(self._model):
                loss = self._loss(share) / pairs
                # Data-parallel training averages over processes, but the loss is a sum over their shares.
                accelerator.backward(loss * accelerator.num_processes)
            losses.append(loss.detach())
        norm = accelerator.clip_grad_norm_(self._model.parameters(), self._max_gradient_norm)
        self._optimizer.step()
        skipped = accelerator.optimizer_step_was_skipped
        if not skipped:
            self._schedule.step()
        self._optimizer.zero_grad()
        return UpdateMetrics(
            loss=accelerator.reduce(torch.stack(losses).sum(), reduction="sum"),
            gradient_norm=norm.detach(),
            encoder_learning_rate=rates[0],
            new_layers_learning_rate=rates[1],
            skipped=skipped,
        )

    def _loss(self, indices: Sequence[int]) -> Tensor:
        """Return the summed loss of all pairs of some documents."""
        batch = collate([self._documents[index] for index in indices], padding=self._padding)
        if self._accelerator.device.type == "cuda":
            batch = batch.pin_memory()
        batch = batch.to(self._accelerator.device)
        scores = self._model(batch)
        return self._objective.loss(scores, batch.dense_labels(self._classes)).sum()
