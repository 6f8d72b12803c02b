"""One update of the weights from the documents of one or more batches."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from atlop.config import OptimizerConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel
from atlop.objectives import Objective
from atlop.prediction import is_out_of_memory
from atlop.preprocessing import Features, collate
from atlop.training.schedule import Update, make_optimizer
from atlop.training.sharding import copy_weights, sharded_copy, shared_like, whole


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


@dataclass(frozen=True)
class UpdaterState:
    """What the next update depends on besides the weights and the random states."""

    tensors: dict[str, Tensor]
    """Of the optimizer, by number of the weight and name, on the CPU."""
    values: dict[str, Any]
    """Of the optimizer's groups, the schedule and the loss scaler; all JSON."""


class Updater:
    """Holds model, optimizer and schedule, and applies one update after the other."""

    def __init__(
        self,
        model: AtlopModel,
        *,
        objective: Objective,
        accelerator: Accelerator,
        documents: Sequence[Features],
        pair_counts: Sequence[int] | NDArray[np.int64],
        config: OptimizerConfig,
        updates: int,
        sharded: bool = False,
    ):
        """Prepare the model for training on the accelerator's device.

        Args:
            model: The model to train; in place, or where it is shared out, `gather` brings it up to date.
            objective: The loss, which knows the train file.
            accelerator: Device, precision and processes.
            documents: All train documents.
            pair_counts: Number of pairs of each.
            config: Optimizer and schedule.
            updates: Updates of the whole training.
            sharded: Whether to share the model out among the processes.
        """
        self._accelerator = accelerator
        self._documents = documents
        self._pair_counts = pair_counts
        self._objective = objective
        self._padding = model.padding
        self._max_gradient_norm = config.max_gradient_norm
        self._given = model
        self._is_shared_out = sharded and accelerator.num_processes > 1
        trained = sharded_copy(model, accelerator=accelerator) if self._is_shared_out else model.to(accelerator.device)
        self._adamw, self._schedule = make_optimizer(trained, config=config, updates=updates)
        self._optimizer = accelerator.prepare(self._adamw)
        self._model = trained if self._is_shared_out else accelerator.prepare(trained)

    def apply(self, update: Update) -> UpdateMetrics:
        """Train on the batches of one update: the loss is averaged over all of its pairs, whatever batch they are in.

        Where loss or gradient is not finite, weights and optimizer stay as they are; nobody waits to know it.

        Args:
            update: Document indices of each batch, the same in every process; each takes its share of every batch.

        Raises:
            AtlopError: There is not enough memory for the documents.
        """
        accelerator = self._accelerator
        pairs = max(1, sum(int(self._pair_counts[index]) for batch in update for index in batch))
        rates = [float(rate) for rate in self._schedule.get_last_lr()]
        losses = []
        self._model.train()
        for number, indices in enumerate(update, start=1):
            share = indices[accelerator.process_index :: accelerator.num_processes]
            # Gradients of several processes are put together once, with the last batch; those of a model that is
            # shared out with every batch, since no process holds them whole.
            with nullcontext() if number == len(update) else accelerator.no_sync(self._model):
                losses.append(self._accumulate(share, pairs=pairs))
        loss = accelerator.reduce(torch.stack(losses).sum(), reduction="sum")
        norm = whole(accelerator.clip_grad_norm_(self._model.parameters(), self._max_gradient_norm))
        if accelerator.scaler is None:  # which sets this itself
            # The fused kernels of AdamW read it on the device, and leave everything as it is where it is 1.
            self._adamw.found_inf = (~(loss + norm).detach().isfinite()).float()  # type: ignore[attr-defined]
        self._optimizer.step()
        skipped = accelerator.optimizer_step_was_skipped
        if not skipped:
            self._schedule.step()
        self._optimizer.zero_grad()
        return UpdateMetrics(
            loss=loss,
            gradient_norm=norm.detach(),
            encoder_learning_rate=rates[0],
            new_layers_learning_rate=rates[1],
            skipped=skipped,
        )

    def gather(self) -> None:
        """Bring what is shared out into the model that was given, on the CPU; every process calls it."""
        if self._is_shared_out:
            self._given.cpu()
            copy_weights(self._model, to=self._given)

    def state(self) -> UpdaterState:
        """Return the state of optimizer, schedule and loss scaler; the weights are the model's.

        Every process calls it; the tensors are given to the first.
        """
        optimizer, scaler = self._adamw.state_dict(), self._accelerator.scaler
        tensors = {}
        for number, of_weight in optimizer["state"].items():
            for name, value in of_weight.items():
                of_all = whole(value)
                if self._accelerator.is_main_process:
                    tensors[f"{number}.{name}"] = of_all.cpu()
        return UpdaterState(
            tensors=tensors,
            values={
                "groups": optimizer["param_groups"],
                "schedule": self._schedule.state_dict(),
                "scaler": None if scaler is None else scaler.state_dict(),
            },
        )

    def load_state(self, state: UpdaterState) -> None:
        """Go on from a state that `state` returned, as it is or read back from files, and the model's weights."""
        if self._is_shared_out:
            copy_weights(self._given, to=self._model)
        weights = [weight for group in self._adamw.param_groups for weight in group["params"]]
        of_weights: dict[int, dict[str, Tensor]] = {}
        for key, value in state.tensors.items():
            number, _, name = key.partition(".")
            own = shared_like(value.clone(), weights[int(number)])  # a file's bytes are not to be worked on
            of_weights.setdefault(int(number), {})[name] = own
        self._adamw.load_state_dict({"state": of_weights, "param_groups": state.values["groups"]})
        self._schedule.load_state_dict(state.values["schedule"])
        if self._accelerator.scaler is not None and state.values["scaler"] is not None:
            self._accelerator.scaler.load_state_dict(state.values["scaler"])

    def _accumulate(self, indices: Sequence[int], *, pairs: int) -> Tensor:
        """Add the gradients of some documents; return their part of the update's mean loss.

        Raises:
            AtlopError: There is not enough memory.
        """
        try:
            loss = self._loss(indices) / pairs
            # Data-parallel training averages over processes, but the loss is a sum over their shares.
            self._accelerator.backward(loss * self._accelerator.num_processes)
            return loss.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            documents = [self._documents[index] for index in indices]
        sizes = ", ".join(
            f'"{each.title}" ({len(each.input_ids):,} pieces, {len(each.pairs):,} pairs)' for each in documents
        )
        raise AtlopError(
            f"not enough memory to train on {sizes}; begin a new run with trainer.batch_size lowered and "
            "trainer.gradient_accumulation raised by as much (as many documents an update), a lower "
            "encoding.max_length, or encoder.gradient_checkpointing=true"
        )

    def _loss(self, indices: Sequence[int]) -> Tensor:
        """Return what some documents add to the update's loss, times the number of its pairs."""
        batch = collate([self._documents[index] for index in indices], padding=self._padding)
        if self._accelerator.device.type == "cuda":
            batch = batch.pin_memory()
        batch = batch.to(self._accelerator.device)
        with self._accelerator.autocast():
            outputs = self._model(batch)
        return self._objective(outputs, batch).sum
