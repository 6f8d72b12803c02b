"""Write the output of a training: metrics, checkpoints, models and the summary."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any

import torch
from accelerate.utils import broadcast_object_list

from atlop.environment import environment
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, fact_table, mean_scores
from atlop.files import own_sources
from atlop.model_folder import FinishedRun, load_model, save_model, write_card
from atlop.objectives import OBJECTIVES
from atlop.run_folder import Logged, RunFolder, refuse_changed_config, refuse_changed_environment
from atlop.training.build import Training
from atlop.training.checkpoint import Checkpoint, Checkpoints
from atlop.weights_and_biases import Tracker

logger = logging.getLogger(__name__)


class Run:
    """Writes a training's output to its folder; only the main process writes."""

    def __init__(self, training: Training, *, folder: RunFolder, is_resumed: bool):
        """Create the folder, or restore the training from its newest checkpoint.

        Raises:
            AtlopError: Configuration, data or code have changed since the run began, or every checkpoint is damaged.
        """
        self._training, self._folder, self._accelerator = training, folder, training.accelerator
        self._is_main = training.accelerator.is_main_process
        config = training.config
        self._checkpoints = Checkpoints(folder.checkpoints, keep=config.trainer.checkpoints_kept)
        model = training.state.model
        code = own_sources(OBJECTIVES[config.objective.name], *map(type, (model.pool_mentions, *model.heads.values())))
        now = environment(data={**training.data.file_hashes(), **training.documents.sha256, **code})
        if is_resumed:
            refuse_changed_environment(folder.path, began=folder.environment(), now=now)
        elif self._is_main:
            folder.create(config, environment=now | {"steps": training.schedule.total})
        self._accelerator.wait_for_everyone()
        self._tracker = Tracker(
            config.tracking if self._is_main else config.tracking.model_copy(update={"wandb": "disabled"}),
            folder=folder.path,
            run_id=folder.environment()["run"],
            settings=config.model_dump(mode="json"),
        )
        if is_resumed:
            self._restore()
        self._checkpoint_step, self._checkpoint_time = training.state.progress.step, monotonic()
        self._previous_seconds, self._started = training.state.progress.seconds, monotonic()

    def seconds(self) -> float:
        """Return the training time, over all resumes."""
        return self._previous_seconds + monotonic() - self._started

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics of one step or evaluation, with the training time so far."""
        if self._is_main:
            self._folder.log({**metrics, "seconds": self.seconds()})
            self._tracker.log(metrics, step=metrics["step"])

    def log_scores(self, scores: OfficialScores) -> None:
        """Write the dev scores after the last step."""
        progress = self._training.state.progress
        self.log({"step": progress.step, "epoch": progress.epoch, "dev": asdict(scores)})

    def save(self, *, is_best: bool) -> None:
        """Write the model to `last/` and, if it is the best, to `best/`."""
        if self._is_main:
            for folder in [self._folder.last, self._folder.best] if is_best else [self._folder.last]:
                save_model(folder, model=self._training.state.model, tokenizer=self._training.tokenizer)

    def rewrite_models(self) -> None:
        """Write the models that belong to a restored checkpoint, in case the process died before writing them."""
        progress = self._training.state.progress
        if progress.step and progress.evaluated_step == progress.step:
            self.save(is_best=progress.best_step == progress.step)

    def poll(self, signal: int, *, can_synchronize: bool) -> tuple[int, bool]:
        """Return the stop signal, 0 for none, and whether to write a checkpoint now; equal in all processes.

        Args:
            signal: The signal that this process received; 0 for none.
            can_synchronize: Whether processes can wait for each other now; if not, several processes check later.
        """
        trainer, step = self._training.config.trainer, self._training.state.progress.step
        minutes, interval = trainer.checkpoint_minutes, trainer.checkpoint_interval
        is_overdue = minutes is not None and monotonic() - self._checkpoint_time >= 60 * minutes
        if self._accelerator.num_processes > 1:  # clocks and signals differ between processes
            signal, is_overdue = self._agreed(signal, is_overdue) if can_synchronize else (0, False)
        is_due = bool(signal or is_overdue or (interval is not None and step % interval == 0))
        return signal, is_due and self._checkpoint_step != step

    def _agreed(self, signal: int, is_overdue: bool) -> tuple[int, bool]:
        own = torch.tensor([[signal, is_overdue]], device=self._accelerator.device)
        signal, overdue = self._accelerator.gather(own).amax(dim=0).tolist()
        return signal, bool(overdue)

    def checkpoint(self) -> None:
        """Write a checkpoint; every process must call it.

        Raises:
            AtlopError: A weight is not finite.
        """
        state, config = self._training.state, self._training.config
        state.progress.seconds = self.seconds()
        metrics = self._folder.logged() if self._is_main else Logged(0, "")
        checkpoint = state.checkpoint(metrics=metrics, config=config)
        if self._is_main:
            self._checkpoints.write(checkpoint, step=state.progress.step)
        self._accelerator.wait_for_everyone()
        self._checkpoint_step, self._checkpoint_time = state.progress.step, monotonic()

    def resume_hint(self) -> str:
        """Return a sentence that names the last checkpoint and the command that resumes from it."""
        command = f"atlop train --resume {self._folder.path}"
        if self._checkpoints.newest is None:
            return f"There is no checkpoint yet; `{command}` starts over"
        return f"The last good checkpoint is {self._checkpoints.newest}; `{command}` resumes from it"

    def close(self) -> None:
        """Wait until all metrics are sent."""
        self._tracker.finish()

    def finish(self, *, started: float) -> dict[str, Any]:
        """Write and return the summary, then remove the checkpoints; `started` is a time from `monotonic`."""
        self.close()
        training, progress = self._training, self._training.state.progress
        assert progress.best is not None
        assert progress.last is not None
        summary = {
            "best": {"step": progress.best_step, **asdict(progress.best)},
            "best_intervals": {} if progress.best.f1 is None else self._best_intervals(),
            "last": asdict(progress.last),
            "steps": progress.step,
            "stopped_early": training.stopped_early(),
            "skipped_steps": progress.skipped_steps,
            "train": training.data.train.counts(),
            "dev": training.data.dev.counts(),
            "texts_in_train_and_dev": training.data.shared_texts,
            "seconds": self._previous_seconds + monotonic() - started,
        }
        if self._is_main:
            for model_folder in (self._folder.best, self._folder.last):
                write_card(model_folder, run=FinishedRun(self._folder.path, summary, model=model_folder.name))
            self._folder.summarise(summary)  # last, since it marks the run as finished
            self._checkpoints.remove()
        return summary

    def _best_intervals(self) -> dict[str, list[float]]:
        """Return the 95 % bootstrap intervals of the best model's F1 and Ign F1, from 0 to 1."""
        self._accelerator.wait_for_everyone()  # until the main process has written the best model
        training, data = self._training, self._training.data
        best, _ = load_model(self._folder.best)
        training.state.model.load_state_dict(best.state_dict())
        table = fact_table(data.dev_documents, predictions=training.predict(), train_facts=data.train_facts)
        f1, ign_f1 = mean_scores([table])
        return {"f1": [f1.low, f1.high], "ign_f1": [ign_f1.low, ign_f1.high]}

    def _restore(self) -> None:
        """Restore the newest checkpoint; without one, the training starts over."""
        folder, config = self._folder, self._training.config
        checkpoint = self._checkpoints.read_newest(check=self._check) if self._is_main else None
        [newest] = broadcast_object_list([self._checkpoints.newest])  # a process that read another would train another
        if not self._is_main:
            checkpoint = self._checkpoints.read_same(newest, check=self._check)
        if checkpoint is not None:
            refuse_changed_config(folder.path, began=checkpoint.values.config, now=config)
        self._accelerator.wait_for_everyone()
        if self._is_main:
            folder.recover()
            folder.write_config(config)
            folder.cut_metrics(0 if checkpoint is None else checkpoint.values.metrics.bytes)
        if checkpoint is None:
            logger.info("%s: has no checkpoint yet; starting over", folder.path)
            return
        self._training.state.restore(checkpoint)
        logger.info("%s: resuming after step %d from %s", folder.path, self._training.state.progress.step, newest)

    def _check(self, checkpoint: Checkpoint) -> None:
        if not self._folder.holds(checkpoint.values.metrics):
            raise AtlopError("metrics.jsonl lacks lines that were written before it")
        self._training.state.check(checkpoint)
