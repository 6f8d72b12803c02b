"""What a training leaves in its folder as it goes on: metrics, checkpoints and models."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from time import monotonic
from typing import Any

import torch

from atlop.config import RunConfig
from atlop.environment import environment
from atlop.evaluation import OfficialScores, fact_table, mean_scores
from atlop.model_folder import FinishedRun, load_model, save_model, write_card
from atlop.run_folder import RunFolder, refuse_changed_config, refuse_changed_environment
from atlop.training.build import Training
from atlop.training.checkpoint import Checkpoints
from atlop.training.tracking import Tracker

logger = logging.getLogger(__name__)


class Run:
    """A training's folder at work; of several processes the first one writes."""

    def __init__(self, training: Training, *, folder: RunFolder, is_resumed: bool):
        """Make the folder, or bring the training back to the newest checkpoint in it.

        Raises:
            AtlopError: Configuration, data or code have changed since the run began, or all checkpoints are damaged.
        """
        self._training, self._folder, self._accelerator = training, folder, training.accelerator
        self._is_main = training.accelerator.is_main_process
        config = training.config
        self._checkpoints = Checkpoints(folder.checkpoints, keep=config.trainer.checkpoints_kept)
        now = environment(data=training.data.sha256_of_files())
        if is_resumed:
            refuse_changed_environment(folder.path, began=folder.environment(), now=now)
        elif self._is_main:
            folder.create(config, environment=now)
        self._accelerator.wait_for_everyone()
        self._tracker = Tracker(
            config.tracking if self._is_main else config.tracking.model_copy(update={"wandb": "disabled"}),
            folder=folder.path,
            name=folder.environment()["run"],
            settings=config.model_dump(mode="json"),
        )
        if is_resumed:
            self._restore()
        self._checkpoint_step, self._checkpoint_time = training.state.progress.step, monotonic()
        self._previous_seconds, self._started = training.state.progress.seconds, monotonic()

    def seconds(self) -> float:
        """Return the time spent on training, over all its parts."""
        return self._previous_seconds + monotonic() - self._started

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Take the metrics of one step or one evaluation."""
        if self._is_main:
            self._folder.log(metrics)
            self._tracker.log(metrics, step=metrics["step"])

    def log_scores(self, scores: OfficialScores) -> None:
        """Take the dev scores after the last step."""
        progress = self._training.state.progress
        place = {"step": progress.step, "epoch": progress.epoch}
        self.log({**place, "seconds": self.seconds(), "dev": asdict(scores)})

    def save(self, *, is_best: bool) -> None:
        """Write the weights as the last and, where they are, as the best."""
        if self._is_main:
            for folder in [self._folder.last, self._folder.best] if is_best else [self._folder.last]:
                save_model(folder, model=self._training.state.model, tokenizer=self._training.tokenizer)

    def rewrite_models(self) -> None:
        """Write the models of a checkpoint: a stop may have come after it and before them."""
        progress = self._training.state.progress
        if progress.step and progress.evaluated_step == progress.step:
            self.save(is_best=progress.best_step == progress.step)

    def poll(self, signal: int, *, can_synchronize: bool) -> tuple[int, bool]:
        """Return the signal that asked to stop, and whether a checkpoint is due now, alike in all processes.

        Args:
            signal: What this process was sent; 0 without one.
            can_synchronize: Whether processes may wait for each other now; where not, several are asked later.
        """
        trainer, step = self._training.config.trainer, self._training.state.progress.step
        minutes, interval = trainer.checkpoint_minutes, trainer.checkpoint_interval
        is_late = minutes is not None and monotonic() - self._checkpoint_time >= 60 * minutes
        if self._accelerator.num_processes > 1:  # whose clocks and signals differ
            own = torch.tensor([[signal, int(is_late)]], device=self._accelerator.device)
            signal, is_late = self._accelerator.gather(own).amax(dim=0).tolist() if can_synchronize else (0, False)
        is_due = bool(signal or is_late or (interval is not None and step % interval == 0))
        return signal, is_due and self._checkpoint_step != step

    def checkpoint(self) -> None:
        """Write everything that is needed to go on from here; every process calls it.

        Raises:
            AtlopError: A weight is not finite.
        """
        state = self._training.state
        state.progress.seconds = self.seconds()
        checkpoint = state.checkpoint()
        if self._is_main:
            config = self._training.config.model_dump(mode="json")
            values = {**checkpoint.values, "metrics": self._folder.logged(), "config": config}
            self._checkpoints.write(replace(checkpoint, values=values), step=state.progress.step)
        self._accelerator.wait_for_everyone()
        self._checkpoint_step, self._checkpoint_time = state.progress.step, monotonic()

    def resume_hint(self) -> str:
        """Say which checkpoint is there, and how to go on from it."""
        command = f"atlop train --resume {self._folder.path}"
        if self._checkpoints.newest is None:
            return f"There is no checkpoint yet: `{command}` begins again"
        return f"The last good checkpoint is {self._checkpoints.newest}: `{command}` goes on from it"

    def close(self) -> None:
        """Wait until everything is tracked."""
        self._tracker.finish()

    def finish(self, *, started: float) -> dict[str, Any]:
        """Write and return the summary, and remove the checkpoints; `started` is of the monotonic clock."""
        self.close()
        training, progress = self._training, self._training.state.progress
        assert progress.best is not None
        assert progress.last is not None
        summary = {
            "best": {"step": progress.best_step, **asdict(progress.best)},
            "best_intervals": self._best_intervals(),
            "last": asdict(progress.last),
            "steps": progress.step,
            "stopped_early": training.stopped_early(),
            "skipped_steps": progress.skipped_steps,
            "train": training.data.train.summary(),
            "dev": training.data.dev.summary(),
            "seconds": self._previous_seconds + monotonic() - started,
        }
        if self._is_main:
            for model_folder in (self._folder.best, self._folder.last):
                write_card(model_folder, run=FinishedRun(self._folder.path, summary))
            self._folder.summarise(summary)  # last of all: it says that the run has ended
            self._checkpoints.remove()
        return summary

    def _best_intervals(self) -> dict[str, list[float]]:
        """Return where 95 % of the bootstrap samples of the best model's F1 and Ign F1 lie, from 0 to 1."""
        self._accelerator.wait_for_everyone()  # the first process writes the best model
        training, data = self._training, self._training.data
        best, _ = load_model(self._folder.best)
        training.state.model.load_state_dict(best.state_dict())
        table = fact_table(data.dev_documents, predictions=training.predict(), train_facts=data.train_facts)
        f1, ign_f1 = mean_scores([table])
        return {"f1": [f1.low, f1.high], "ign_f1": [ign_f1.low, ign_f1.high]}

    def _restore(self) -> None:
        """Go back to the newest checkpoint, or to the beginning where there is none."""
        folder, config = self._folder, self._training.config
        with self._accelerator.main_process_first():
            checkpoint = self._checkpoints.read_newest(is_usable=lambda it: folder.holds(it.values["metrics"]))
        if checkpoint is not None:
            refuse_changed_config(folder.path, began=RunConfig(**checkpoint.values["config"]), now=config)
        self._accelerator.wait_for_everyone()
        if self._is_main:
            folder.recover()
            folder.write_config(config)
            folder.cut_metrics(0 if checkpoint is None else checkpoint.values["metrics"]["bytes"])
        if checkpoint is None:
            logger.info("%s: has no checkpoint yet; it begins again", folder.path)
            return
        self._training.state.restore(checkpoint)
        step, newest = self._training.state.progress.step, self._checkpoints.newest
        logger.info("%s: goes on after step %d, from %s", folder.path, step, newest)
