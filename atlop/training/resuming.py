"""A run that goes on: what it keeps, how it is brought back, and what may differ meanwhile."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object

from atlop.config import RunConfig, settings_of
from atlop.errors import AtlopError
from atlop.model import AtlopModel
from atlop.training.checkpoint import Checkpoint, Checkpoints
from atlop.training.loop import TrainState
from atlop.training.random_state import random_state, restore_random_state
from atlop.training.record import RunFolder
from atlop.training.updates import Updater, UpdaterState

logger = logging.getLogger(__name__)

CHANGEABLE = (
    "trainer.checkpoint_interval",
    "trainer.checkpoint_minutes",
    "trainer.checkpoints_kept",
    "trainer.max_skipped_updates",
    "trainer.sharded",
    "tracking.wandb",
    "tracking.project",
)
"""Settings on which no number depends that is there already; `trainer.sharded` changes later ones by rounding."""


class Resumption:
    """Keeps everything that training depends on in checkpoints, and brings it back."""

    def __init__(
        self,
        config: RunConfig,
        *,
        folder: RunFolder,
        checkpoints: Checkpoints,
        accelerator: Accelerator,
        model: AtlopModel,
        updater: Updater,
    ):
        """Keep what checkpoints are made of."""
        self._config = config
        self._folder = folder
        self._checkpoints = checkpoints
        self._accelerator = accelerator
        self._model = model
        self._updater = updater

    def keep(self, state: TrainState) -> None:
        """Write a checkpoint; every process calls it, the first one writes.

        Raises:
            AtlopError: A weight is not finite.
            OSError: The disk is full, or may not be written to; earlier checkpoints are untouched.
        """
        states = [random_state()]
        if self._accelerator.num_processes > 1:
            states = gather_object(states)
        self._updater.gather()
        updater = self._updater.state()
        if self._accelerator.is_main_process:
            values = {
                "train": asdict(state),
                "updater": updater.values,
                "random": states,
                "metrics": self._folder.logged(),
                "config": self._config.model_dump(mode="json"),
            }
            checkpoint = Checkpoint(weights=self._model.state_dict(), optimizer=updater.tensors, values=values)
            self._checkpoints.write(checkpoint, update=state.update)
        self._accelerator.wait_for_everyone()

    def restored(self) -> TrainState:
        """Go back to the newest checkpoint that is whole, or to the beginning where there is none.

        Raises:
            AtlopError: All checkpoints are damaged, or the configuration has changed since.
        """
        folder, processes = self._folder, self._accelerator.num_processes
        with self._accelerator.main_process_first():
            checkpoint = self._checkpoints.read_newest(problem=self._problem)
        if checkpoint is not None:
            refuse_changed_config(folder.path, began=RunConfig(**checkpoint.values["config"]), now=self._config)
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            folder.settle()
            folder.write_config(self._config)
            folder.cut_metrics(0 if checkpoint is None else checkpoint.values["metrics"]["bytes"])
        if checkpoint is None:
            logger.info("%s: has no checkpoint yet; it begins again", folder.path)
            return TrainState()
        values = checkpoint.values
        self._model.load_state_dict(checkpoint.weights)
        self._updater.load_state(UpdaterState(dict(checkpoint.optimizer), values["updater"]))
        states = values["random"]
        if len(states) != processes:
            logger.warning(
                "%s: goes on with %d processes instead of %d; it will not end with the same bits",
                folder.path,
                processes,
                len(states),
            )
        restore_random_state(states[self._accelerator.process_index % len(states)])
        state = TrainState.of(values["train"])
        logger.info("%s: goes on after update %d, from %s", folder.path, state.update, self._checkpoints.newest)
        return state

    def _problem(self, checkpoint: Checkpoint) -> str | None:
        if self._folder.holds(checkpoint.values["metrics"]):
            return None
        return "metrics.jsonl has not the lines that had been written then"


def refuse_changed_config(run: Path, *, began: RunConfig, now: RunConfig) -> None:
    """Make sure that a run goes on with the configuration that it began with.

    Args:
        run: The run's folder, for the message.
        began: The configuration that it began with.
        now: The one that it is to go on with.

    Raises:
        AtlopError: A setting differs that decides on numbers; each is named.
    """
    before, after = settings_of(began), settings_of(now)
    changed = [
        f"{key} was {before.get(key)!r}, now {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in CHANGEABLE
    ]
    if changed:
        raise AtlopError(
            f"{run}: cannot go on with another configuration: {'; '.join(changed)}. Give these settings back their "
            f"values, or begin another run with --output. What may change: {', '.join(CHANGEABLE)}"
        )


def refuse_changed_environment(run: Path, *, began: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Make sure that a run goes on with the data and the code that it began with; warn where the machine is another.

    Args:
        run: The run's folder, for the message.
        began: What `environment` returned then.
        now: What it returns now.

    Raises:
        AtlopError: A file or the code has changed; each is named.
    """
    changed = [
        f"{path} has changed"
        for path, digest in began["data_sha256"].items()
        if now["data_sha256"].get(path, digest) != digest
    ]
    packages = now["packages"]
    changed += [
        f"{name} was {version}, now {packages.get(name)}"
        for name, version in began["packages"].items()
        if packages.get(name) != version
    ]
    if began["python"] != now["python"]:
        changed.append(f"Python was {began['python']}, now {now['python']}")
    if began["code_sha256"] != now["code_sha256"]:
        commit = f" (git commit then: {began['git_commit']})" if began["git_commit"] else ""
        changed.append(f"the code of atlop has changed{commit}")
    if changed:
        raise AtlopError(
            f"{run}: cannot go on as it began: {'; '.join(changed)}. Bring back what the run began with "
            f"({run / 'environment.json'}), or begin another with --output"
        )
    if began["machine"] != now["machine"]:
        logger.warning("%s: goes on with another machine or number of threads; numbers may differ in last digits", run)
