"""One optimizer step over the batches of all processes."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from atlop.errors import AtlopError
from atlop.model import AtlopModel, LossTerm
from atlop.objectives import Loss
from atlop.prediction import is_out_of_memory
from atlop.preprocessing import Batch, copy_to
from atlop.sharding import full_tensor
from atlop.training.state import TrainState


@dataclass(frozen=True)
class StepMetrics:
    """Metrics of one step. Tensors stay on the device, so that nothing waits for them."""

    loss: Tensor
    """Mean loss over all batches and processes; a scalar in nats."""
    gradient_norm: Tensor
    """Before clipping; a scalar."""
    learning_rates: dict[str, float]  # by optimizer group
    skipped: bool
    """Whether float16 gradients overflowed and the weights stayed unchanged."""


class TrainStep:
    """Forward pass, backward pass and optimizer step."""

    def __init__(self, state: TrainState, *, losses: Mapping[str, Loss], max_gradient_norm: float):
        """Train `state` with these losses and those of all heads, and clip gradients to a norm."""
        self._state, self._accelerator = state, state.accelerator
        self._model: AtlopModel = state.accelerator.unwrap_model(state.trained)
        heads: dict[str, Any] = {name: head for name, head in self._model.heads.items() if head.weight}
        self._losses = {**losses, **{name: head.loss for name, head in heads.items()}}
        self._counts = {name: each.count for name, each in {**losses, **heads}.items()}
        self._max_gradient_norm = max_gradient_norm

    def __call__(self, batches: Sequence[Batch]) -> StepMetrics:
        """Train on this process's share of a step's batches, which are on the CPU.

        Each loss is averaged over the whole step, not per batch. If the loss or gradient is not finite, weights and
        optimizer stay unchanged, without waiting for the device; float16 waits for the norm.

        Raises:
            AtlopError: Memory is not enough for the documents, or gradients always overflow in float16.
        """
        state, accelerator = self._state, self._accelerator
        totals = self._totals(batches)
        rates = {group["name"]: float(group["lr"]) for group in state.adamw.param_groups}
        if not self._model.training:
            state.trained.train()  # walks over all modules, which takes a part of a short step
        losses = []
        for number, batch in enumerate(batches, start=1):
            # Processes exchange gradients once, after the last batch; a sharded model does so after every batch, since
            # no process holds the full gradient.
            with nullcontext() if number == len(batches) else accelerator.no_sync(state.trained):
                losses.append(self._accumulate(batch, totals=totals))
        loss = accelerator.reduce(torch.stack(losses).sum(), reduction="sum")
        norm = full_tensor(accelerator.clip_grad_norm_(state.trained.parameters(), self._max_gradient_norm))
        if accelerator.scaler is None:  # the scaler sets found_inf itself
            # The fused AdamW kernel reads it on the device and changes nothing if it is 1.
            state.adamw.found_inf = (~(loss + norm).detach().isfinite()).float()  # type: ignore[attr-defined]
        state.optimizer.step()
        # accelerate's own word for it is never true, since the fused kernel is called whatever the scaler found.
        skipped = accelerator.scaler is not None and not bool(norm.isfinite())
        if skipped and accelerator.scaler.get_scale() < 1:
            raise AtlopError(
                "gradients overflow in float16, however small the loss is made; start a new run with "
                "trainer.precision=float32 or lower learning rates"
            )
        if not skipped:
            state.scheduler.step()
            state.weights.move_average(steps=state.scheduler.last_epoch)
        state.optimizer.zero_grad()
        return StepMetrics(loss, gradient_norm=norm.detach(), learning_rates=rates, skipped=skipped)

    def _totals(self, batches: Sequence[Batch]) -> dict[str, int | Tensor]:
        """Return the divisor of each loss: its count over all batches and processes, at least 1."""
        counts = {name: sum(map(count, batches)) for name, count in self._counts.items()}
        if self._accelerator.num_processes == 1:
            return {name: max(1, count) for name, count in counts.items()}
        own = copy_to(torch.tensor(list(counts.values())), self._accelerator.device)
        return dict(zip(counts, self._accelerator.reduce(own, reduction="sum").clamp(min=1), strict=True))

    def _accumulate(self, batch: Batch, *, totals: dict[str, int | Tensor]) -> Tensor:
        """Add a batch to the gradients; return its part of the step's mean loss."""
        try:
            loss = self._loss(batch.to(self._accelerator.device), totals=totals)
            # DDP averages gradients over processes, but the step's loss is the sum over processes.
            self._accelerator.backward(loss * self._accelerator.num_processes)
            return loss.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        documents = zip(batch.titles, batch.lengths, batch.pair_counts, strict=True)
        sizes = ", ".join(f'"{title}" ({tokens:,} tokens, {pairs:,} pairs)' for title, tokens, pairs in documents)
        raise AtlopError(
            f"not enough memory to train on {sizes}; start a new run with trainer.batch_size lowered and "
            "trainer.gradient_accumulation raised by as much (as many documents a step), a lower "
            "preprocessing.max_length, or encoder.gradient_checkpointing=true"
        )

    def _loss(self, batch: Batch, *, totals: dict[str, int | Tensor]) -> Tensor:
        with self._accelerator.autocast():
            outputs = self._state.trained(batch)
        terms: dict[str, LossTerm] = {name: loss(outputs, batch) for name, loss in self._losses.items()}
        for name, term in terms.items():
            if term.count != (count := self._counts[name](batch)):
                raise AtlopError(f"loss {name!r}: count is {term.count}, but count() returns {count}; make them agree")
        return torch.stack([term.weight * term.sum / totals[name] for name, term in terms.items()]).sum()
