"""The state of a training: everything that a checkpoint saves and restores."""

import logging
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from atlop.config import OptimizerConfig
from atlop.evaluation import OfficialScores
from atlop.model import AtlopModel
from atlop.sharding import copy_weights, full_tensor, sharded_copy, sharded_like
from atlop.training.checkpoint import Checkpoint
from atlop.training.schedule import make_optimizer

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far training has got; `asdict` turns it into JSON values, `from_values` reads them."""

    step: int = 0
    """Steps done."""
    epoch: int = 0
    """Epoch of the last step, from 0."""
    evaluated_step: int = 0
    """Step after which dev was last evaluated."""
    best: OfficialScores | None = None
    best_step: int | None = None
    """Step after which `best` was reached."""
    last: OfficialScores | None = None
    evaluations_since_best: int = 0
    skipped_steps: int = 0
    """Steps skipped because of a loss or gradient that was not finite."""
    seconds: float = 0.0
    """Training time, over all resumes."""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Progress":
        """Return the progress from the values that `asdict` returned."""
        scores = {key: None if values[key] is None else OfficialScores(**values[key]) for key in ("best", "last")}
        return cls(**{**values, **scores})

    def record_scores(self, scores: OfficialScores) -> bool:
        """Record the dev scores after the last step; return whether their F1 is the highest so far, or n/a."""
        self.evaluated_step, self.last = self.step, scores
        is_best = self.best is None or scores.f1 is None or scores.f1 > (self.best.f1 or 0.0)
        if is_best:
            self.best, self.best_step = scores, self.step
        self.evaluations_since_best = 0 if is_best else self.evaluations_since_best + 1
        return is_best


class TrainState:
    """Model, optimizer, learning rate schedule, loss scaler, progress, and the process's random generators."""

    def __init__(
        self, model: AtlopModel, *, accelerator: Accelerator, config: OptimizerConfig, steps: int, sharded: bool = False
    ):
        """Prepare a model for training on the accelerator's device.

        The model is trained in place. If it is sharded over the processes, `gather` copies the weights to it.
        """
        self.progress, self.accelerator, self.model = Progress(), accelerator, model
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

    def checkpoint(self) -> Checkpoint:
        """Return the whole state; every process must call it, but only the first gets the optimizer's tensors."""
        generators = [_generator_states()]
        if self.accelerator.num_processes > 1:
            generators = gather_object(generators)
        self.gather()
        optimizer, scaler = self.adamw.state_dict(), self.accelerator.scaler
        tensors = {}
        for number, weight_state in optimizer["state"].items():
            for name, value in weight_state.items():
                full = full_tensor(value)
                if self.accelerator.is_main_process:
                    tensors[f"{number}.{name}"] = full.cpu()
        values = {
            "progress": asdict(self.progress),
            "groups": optimizer["param_groups"],
            "schedule": self.schedule.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "random": generators,
        }
        return Checkpoint(weights=self.model.state_dict(), optimizer=tensors, values=values)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a state that `checkpoint` returned or that was read from files."""
        accelerator, values = self.accelerator, checkpoint.values
        self.progress = Progress.from_values(values["progress"])
        self.model.load_state_dict(checkpoint.weights)
        if self._is_sharded:
            copy_weights(self.model, to=self.trained)
        weights = [weight for group in self.adamw.param_groups for weight in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.optimizer.items():
            number, _, name = key.partition(".")
            own = sharded_like(value.clone(), weights[int(number)])  # a loaded tensor may be backed by the file
            states.setdefault(int(number), {})[name] = own
        self.adamw.load_state_dict({"state": states, "param_groups": values["groups"]})
        self.schedule.load_state_dict(values["schedule"])
        if accelerator.scaler is not None and values["scaler"] is not None:
            accelerator.scaler.load_state_dict(values["scaler"])
        generators = values["random"]
        if len(generators) != accelerator.num_processes:
            message = "resuming with %d processes instead of %d; the result will not be identical bit for bit"
            logger.warning(message, accelerator.num_processes, len(generators))
        _restore_generators(generators[accelerator.process_index % len(generators)])


def _generator_states() -> dict[str, Any]:
    """Return the states of the default generators of Python, NumPy, PyTorch and the current GPU as JSON values."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "torch": bytes(torch.get_rng_state().numpy()).hex(),
        "cuda": bytes(torch.cuda.get_rng_state().numpy()).hex() if torch.cuda.is_available() else None,
    }


def _restore_generators(states: dict[str, Any]) -> None:
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(states["numpy"]))
    torch.set_rng_state(torch.tensor(list(bytes.fromhex(states["torch"])), dtype=torch.uint8))
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.tensor(list(bytes.fromhex(states["cuda"])), dtype=torch.uint8))
