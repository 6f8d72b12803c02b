"""Everything that training goes on from, in one place: checkpoints are made of it."""

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
    """How far training is; `asdict` makes JSON of it, `Progress.from_values` reads that."""

    step: int = 0
    """Steps done."""
    epoch: int = 0
    """Epoch of the last step, from 0."""
    evaluated_step: int = 0
    """Steps done when dev was evaluated last."""
    best: OfficialScores | None = None
    best_step: int | None = None
    """Step after which they were reached."""
    last: OfficialScores | None = None
    evaluations_since_best: int = 0
    skipped_steps: int = 0
    """Steps that were left out because their numbers were not finite."""
    seconds: float = 0.0
    """Time spent on training, over all its parts."""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Progress":
        """Return the progress that `asdict` made these values of."""
        scores = {key: None if values[key] is None else OfficialScores(**values[key]) for key in ("best", "last")}
        return cls(**{**values, **scores})

    def record_scores(self, scores: OfficialScores) -> bool:
        """Note the dev scores after the last step; return whether they are the best so far: of equals, the first."""
        self.evaluated_step, self.last = self.step, scores
        is_best = self.best is None or scores.f1 > self.best.f1
        if is_best:
            self.best, self.best_step = scores, self.step
        self.evaluations_since_best = 0 if is_best else self.evaluations_since_best + 1
        return is_best


class TrainState:
    """Model, optimizer, schedule of rates, loss scaler, progress and, of the process, all random generators."""

    def __init__(
        self, model: AtlopModel, *, accelerator: Accelerator, config: OptimizerConfig, steps: int, sharded: bool = False
    ):
        """Prepare a model for some steps of training on the accelerator's device.

        It is trained in place; where it is sharded among the processes, `gather` brings it up to date.
        """
        self.progress, self.accelerator, self.model = Progress(), accelerator, model
        self._is_sharded = sharded and accelerator.num_processes > 1
        trained = sharded_copy(model, accelerator=accelerator) if self._is_sharded else model.to(accelerator.device)
        self.adamw, self.schedule = make_optimizer(trained, config=config, steps=steps)
        self.optimizer = accelerator.prepare(self.adamw)
        self.trained = trained if self._is_sharded else accelerator.prepare(trained)
        """The model as steps call it."""

    def gather(self) -> None:
        """Bring the weights of a sharded model into the one that was given, on the CPU; every process calls it."""
        if self._is_sharded:
            self.model.cpu()
            copy_weights(self.trained, to=self.model)

    def checkpoint(self) -> Checkpoint:
        """Return all of it; every process calls it, but the optimizer's tensors are the first one's alone."""
        generators = [_generators()]
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
        """Go back to what `checkpoint` returned, as it is or read back from files."""
        accelerator, values = self.accelerator, checkpoint.values
        self.progress = Progress.from_values(values["progress"])
        self.model.load_state_dict(checkpoint.weights)
        if self._is_sharded:
            copy_weights(self.model, to=self.trained)
        weights = [weight for group in self.adamw.param_groups for weight in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.optimizer.items():
            number, _, name = key.partition(".")
            own = sharded_like(value.clone(), weights[int(number)])  # a file's bytes are not to be worked on
            states.setdefault(int(number), {})[name] = own
        self.adamw.load_state_dict({"state": states, "param_groups": values["groups"]})
        self.schedule.load_state_dict(values["schedule"])
        if accelerator.scaler is not None and values["scaler"] is not None:
            accelerator.scaler.load_state_dict(values["scaler"])
        generators = values["random"]
        if len(generators) != accelerator.num_processes:
            what = "training goes on with %d processes instead of %d; it will not end with the same bits"
            logger.warning(what, accelerator.num_processes, len(generators))
        _set_generators(generators[accelerator.process_index % len(generators)])


def _generators() -> dict[str, Any]:
    """Return the states of Python's, numpy's and torch's default generators, the current GPU's among them, as JSON."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "torch": bytes(torch.get_rng_state().numpy()).hex(),
        "cuda": bytes(torch.cuda.get_rng_state().numpy()).hex() if torch.cuda.is_available() else None,
    }


def _set_generators(states: dict[str, Any]) -> None:
    """Set all generators to what `_generators` returned, as it is or read back from JSON."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(states["numpy"]))
    torch.set_rng_state(torch.tensor(list(bytes.fromhex(states["torch"])), dtype=torch.uint8))
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.tensor(list(bytes.fromhex(states["cuda"])), dtype=torch.uint8))
