"""The state of a training: everything that a checkpoint saves and restores."""

import logging

from accelerate import Accelerator
from accelerate.utils import gather_object

from atlop.config import OptimizerConfig, RunConfig
from atlop.errors import AtlopError
from atlop.random_states import RandomStates
from atlop.run_folder import Logged
from atlop.sharding import check_optimizer_tensors, check_tensors, load_optimizer_tensors, optimizer_tensors
from atlop.trained_weights import TrainedWeights
from atlop.training.checkpoint import Checkpoint, Progress, Values
from atlop.training.schedule import make_optimizer

logger = logging.getLogger(__name__)


class TrainState:
    """Model, optimizer, learning rate schedule, loss scaler, progress, and the process's random generators."""

    def __init__(self, weights: TrainedWeights, *, accelerator: Accelerator, config: OptimizerConfig, steps: int):
        """Prepare weights for training on the accelerator's device."""
        self.progress, self.accelerator, self.weights, self._steps = Progress(), accelerator, weights, steps
        self.model = weights.evaluated
        self.adamw, self.scheduler = make_optimizer(weights.trained, config=config, steps=steps)
        self.optimizer = accelerator.prepare(self.adamw)
        self.trained = weights.trained if weights.is_sharded else accelerator.prepare(weights.trained)
        """The model that steps call, wrapped for several processes."""

    def checkpoint(self, *, metrics: Logged, config: RunConfig) -> Checkpoint:
        """Return the whole state; every process must call it, but only the first gets the optimizer's tensors."""
        generators = [RandomStates.current()]
        if self.accelerator.num_processes > 1:
            generators = gather_object(generators)
        weights, average = self.weights.gathered()
        tensors = optimizer_tensors(self.adamw, keep=self.accelerator.is_main_process)
        scaler = self.accelerator.scaler
        values = Values(
            progress=self.progress,
            schedule=self.scheduler.last_epoch,
            scaler=None if scaler is None else scaler.state_dict(),
            random=tuple(generators),
            metrics=metrics,
            config=config,
        )
        return Checkpoint(weights, average=average, optimizer=tensors, values=values)

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
        expected = self.model.state_dict()
        check_tensors(checkpoint.weights, expected, kind="weights")
        check_tensors(checkpoint.average, expected if self.weights.is_averaged else {}, kind="averaged weights")
        check_optimizer_tensors(checkpoint.optimizer, self.adamw)
        for states in values.random:
            states.restore()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a state that `checkpoint` returned or that was read from files."""
        accelerator, values = self.accelerator, checkpoint.values
        self.progress = values.progress
        self.weights.load(checkpoint.weights, checkpoint.average)
        steps = {"last_epoch": values.schedule, "_step_count": values.schedule + 1}
        self.scheduler.load_state_dict({**self.scheduler.state_dict(), **steps})
        bases, factors = self.scheduler.base_lrs, self.scheduler.lr_lambdas
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
