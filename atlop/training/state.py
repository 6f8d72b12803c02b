"""The state of a training: everything that a checkpoint saves and restores."""

import logging

from accelerate import Accelerator
from accelerate.utils import gather_object

from atlop.config import OptimizerConfig, RunConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel
from atlop.random_states import RandomStates
from atlop.run_folder import Logged
from atlop.sharding import (
    check_optimizer_tensors,
    check_tensors,
    copy_weights,
    load_optimizer_tensors,
    optimizer_tensors,
    sharded_copy,
)
from atlop.training.checkpoint import Checkpoint, Progress, Values
from atlop.training.schedule import make_optimizer

logger = logging.getLogger(__name__)


class TrainState:
    """Model, optimizer, learning rate schedule, loss scaler, progress, and the process's random generators."""

    def __init__(
        self, model: AtlopModel, *, accelerator: Accelerator, config: OptimizerConfig, steps: int, sharded: bool = False
    ):
        """Prepare a model for training on the accelerator's device.

        The model is trained in place. If it is sharded over the processes, `gather` copies the weights to it.
        """
        self.progress, self.accelerator, self.model, self._steps = Progress(), accelerator, model, steps
        self._is_sharded = sharded and accelerator.num_processes > 1
        trained = sharded_copy(model, accelerator=accelerator) if self._is_sharded else model.to(accelerator.device)
        self.adamw, self.schedule = make_optimizer(trained, config=config, steps=steps)
        self.optimizer = accelerator.prepare(self.adamw)
        self.trained = trained if self._is_sharded else accelerator.prepare(trained)
        """The model that steps call: wrapped for several processes, or its sharded copy."""

    def gather(self) -> None:
        """Copy the sharded weights to `model` on the CPU; every process must call it."""
        if self._is_sharded:
            self.model.cpu()
            copy_weights(self.trained, to=self.model)

    def checkpoint(self, *, metrics: Logged, config: RunConfig) -> Checkpoint:
        """Return the whole state; every process must call it, but only the first gets the optimizer's tensors."""
        generators = [RandomStates.current()]
        if self.accelerator.num_processes > 1:
            generators = gather_object(generators)
        self.gather()
        tensors = optimizer_tensors(self.adamw, keep=self.accelerator.is_main_process)
        scaler = self.accelerator.scaler
        values = Values(
            progress=self.progress,
            schedule=self.schedule.last_epoch,
            scaler=None if scaler is None else scaler.state_dict(),
            random=tuple(generators),
            metrics=metrics,
            config=config,
        )
        return Checkpoint(weights=self.model.state_dict(), optimizer=tensors, values=values)

    def check(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint fits this training; its checksums alone do not say so.

        Raises:
            AtlopError: Progress, weights or the optimizer's tensors do not fit.
            ValueError, RuntimeError: A random generator does not accept its state.
        """
        values, progress = checkpoint.values, checkpoint.values.progress
        is_scored = progress.evaluated_step > 0
        if (
            not max(progress.evaluated_step, values.schedule) <= progress.step <= self._steps
            or {is_scored} != {value is not None for value in (progress.best, progress.best_step, progress.last)}
            or (progress.evaluations_since_best and not is_scored)
        ):
            raise AtlopError("its progress contradicts itself or this training")
        check_tensors(checkpoint.weights, self.model.state_dict(), kind="weights")
        check_optimizer_tensors(checkpoint.optimizer, self.adamw)
        for states in values.random:
            states.restore()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a state that `checkpoint` returned or that was read from files."""
        accelerator, values = self.accelerator, checkpoint.values
        self.progress = values.progress
        self.model.load_state_dict(checkpoint.weights)
        if self._is_sharded:
            copy_weights(self.model, to=self.trained)
        steps = {"last_epoch": values.schedule, "_step_count": values.schedule + 1}
        self.schedule.load_state_dict({**self.schedule.state_dict(), **steps})
        bases, factors = self.schedule.base_lrs, self.schedule.lr_lambdas
        for group, base, factor in zip(self.adamw.param_groups, bases, factors, strict=True):
            group["lr"] = base * factor(values.schedule)
        load_optimizer_tensors(self.adamw, checkpoint.optimizer)
        if accelerator.scaler is not None and values.scaler is not None:
            accelerator.scaler.load_state_dict(values.scaler)
        generators = values.random
        if len(generators) != accelerator.num_processes:
            message = "resuming with %d processes instead of %d; the result will not be identical bit for bit"
            logger.warning(message, accelerator.num_processes, len(generators))
        generators[accelerator.process_index % len(generators)].restore()
