"""One step: the weights change once, by the documents of one or more batches."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from atlop.errors import AtlopError
from atlop.model import LossTerm
from atlop.objectives import Objective
from atlop.prediction import is_out_of_memory
from atlop.preprocessing import Batch
from atlop.sharding import full_tensor
from atlop.training.state import TrainState


@dataclass(frozen=True)
class StepMetrics:
    """What one step gives to log. Tensors stay on their device, so that nothing waits for them."""

    loss: Tensor
    """Mean loss of the step, over all batches and processes; a scalar in nats."""
    gradient_norm: Tensor
    """Of all gradients before clipping; a scalar."""
    learning_rates: dict[str, float]  # by optimizer group
    skipped: bool
    """Whether float16 gradients overflowed, so that the weights were left as they are."""


class TrainStep:
    """Forward, backward and optimizer, over the batches of a step."""

    def __init__(self, state: TrainState, *, objective: Objective, max_gradient_norm: float):
        """Keep the state, which steps change, the loss of the scores, and the largest norm of the gradients."""
        self._state, self._accelerator = state, state.accelerator
        heads: Mapping[str, Any] = state.accelerator.unwrap_model(state.trained).heads
        self._losses = {"relation": objective, **{name: head.loss for name, head in heads.items()}}
        self._counts = {"relation": objective.count, **{name: head.count for name, head in heads.items()}}
        self._max_gradient_norm = max_gradient_norm

    def __call__(self, batches: Sequence[Batch]) -> StepMetrics:
        """Train on this process's share of the batches of one step, which are on the host.

        A loss is averaged over all that it counts, whatever batch it is in. Where loss or gradient is not finite,
        weights and optimizer stay as they are; nobody waits to know it.

        Raises:
            AtlopError: There is not enough memory for the documents.
        """
        state, accelerator = self._state, self._accelerator
        totals = self._totals(batches)
        rates = {group["name"]: float(group["lr"]) for group in state.adamw.param_groups}
        losses = []
        state.trained.train()
        for number, batch in enumerate(batches, start=1):
            # Gradients of several processes are put together once, with the last batch; those of a sharded model with
            # every batch, since no process holds them whole.
            with nullcontext() if number == len(batches) else accelerator.no_sync(state.trained):
                losses.append(self._accumulate(batch, totals=totals))
        loss = accelerator.reduce(torch.stack(losses).sum(), reduction="sum")
        norm = full_tensor(accelerator.clip_grad_norm_(state.trained.parameters(), self._max_gradient_norm))
        if accelerator.scaler is None:  # which sets this itself
            # The fused kernels of AdamW read it on the device, and leave everything as it is where it is 1.
            state.adamw.found_inf = (~(loss + norm).detach().isfinite()).float()  # type: ignore[attr-defined]
        state.optimizer.step()
        skipped = accelerator.optimizer_step_was_skipped
        if not skipped:
            state.schedule.step()
        state.optimizer.zero_grad()
        return StepMetrics(loss, gradient_norm=norm.detach(), learning_rates=rates, skipped=skipped)

    def _totals(self, batches: Sequence[Batch]) -> dict[str, int | Tensor]:
        """Return what each loss is divided by: what it counts in all batches and processes, at least 1."""
        counts = {name: sum(map(count, batches)) for name, count in self._counts.items()}
        if self._accelerator.num_processes == 1:
            return {name: max(1, count) for name, count in counts.items()}
        own = torch.tensor(list(counts.values()), device=self._accelerator.device)
        return dict(zip(counts, self._accelerator.reduce(own, reduction="sum").clamp(min=1), strict=True))

    def _accumulate(self, batch: Batch, *, totals: dict[str, int | Tensor]) -> Tensor:
        """Add the gradients of a batch; return its part of the step's mean loss."""
        try:
            loss = self._loss(batch.to(self._accelerator.device), totals=totals)
            # Data-parallel training averages over processes, but the loss is a sum over their shares.
            self._accelerator.backward(loss * self._accelerator.num_processes)
            return loss.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        documents = zip(batch.titles, batch.lengths, batch.pair_counts, strict=True)
        sizes = ", ".join(f'"{title}" ({tokens:,} tokens, {pairs:,} pairs)' for title, tokens, pairs in documents)
        raise AtlopError(
            f"not enough memory to train on {sizes}; begin a new run with trainer.batch_size lowered and "
            "trainer.gradient_accumulation raised by as much (as many documents a step), a lower "
            "preprocessing.max_length, or encoder.gradient_checkpointing=true"
        )

    def _loss(self, batch: Batch, *, totals: dict[str, int | Tensor]) -> Tensor:
        """Return what a batch adds to the step's loss."""
        with self._accelerator.autocast():
            outputs = self._state.trained(batch)
        terms: dict[str, LossTerm] = {name: loss(outputs, batch) for name, loss in self._losses.items()}
        for name, term in terms.items():
            if term.count != (count := self._counts[name](batch)):
                raise AtlopError(f"loss {name!r}: counts {term.count}, but its count() says {count}; let both agree")
        return torch.stack([term.weight * term.sum / totals[name] for name, term in terms.items()]).sum()
