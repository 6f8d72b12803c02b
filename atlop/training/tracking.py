"""What is told while training runs: metrics of each step, a progress bar, and Weights & Biases where it is wanted."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from tqdm import tqdm

from atlop.config import TrackingConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.training.build import Training
from atlop.training.schedule import Step
from atlop.training.step import StepMetrics

logger = logging.getLogger(__name__)

LOGGING_INTERVAL = 10
"""Steps whose metrics are read from the device at once: reading makes a GPU wait."""


class StepLog:
    """Metrics of steps on their way from the device to the log and a progress bar."""

    def __init__(self, training: Training, *, log: Callable[[Mapping[str, Any]], None]):
        """Draw the bar; `log` takes the metrics of one step."""
        self._training, self._progress, self._log = training, training.state.progress, log
        self._shown: dict[str, str] = {}
        self.pending: list[tuple[Step, StepMetrics]] = []
        """Steps whose metrics are not read yet; none where the device just now has been waited for."""
        self.bar = tqdm(
            total=training.schedule.total,
            initial=self._progress.step,
            desc="training",
            unit="step",
            disable=not training.show_progress,
        )

    def add(self, step: Step, metrics: StepMetrics) -> None:
        """Take the metrics of a step; raises what `read` does."""
        self.pending.append((step, metrics))
        self.bar.update()
        if len(self.pending) == LOGGING_INTERVAL:
            self.read()

    def read(self) -> None:
        """Read the metrics of the last steps from the device, check and log them.

        Raises:
            AtlopError: More losses or gradients than are allowed are not finite; step and documents are named.
        """
        for step, metrics in self.pending:
            loss, norm = metrics.loss.item(), metrics.gradient_norm.item()
            finite = isfinite(loss) and (isfinite(norm) or metrics.skipped)
            if finite:
                self._shown["loss"] = f"{loss:.3f}"
            else:
                self._skip(f"step {step.number}: loss {loss}, gradient norm {norm}", step)
            self._log(
                {
                    "step": step.number,
                    "epoch": step.epoch,
                    **({"loss": loss} if finite else {"skipped": True}),
                    "gradient_norm": norm if isfinite(norm) else None,
                    **{f"{group}_learning_rate": rate for group, rate in metrics.learning_rates.items()},
                }
            )
        self.pending.clear()
        self.bar.set_postfix(self._shown, refresh=False)

    def show(self, scores: OfficialScores) -> None:
        """Show dev F1, in percent, beside the loss."""
        self._shown["dev F1"] = f"{100 * scores.f1:.2f}"
        self.bar.set_postfix(self._shown, refresh=False)

    def _skip(self, numbers: str, step: Step) -> None:
        what = f"{numbers}; documents of the step: {self._training.titles(step)}"
        self._progress.skipped_steps += 1
        most = self._training.config.trainer.max_skipped_steps
        if self._progress.skipped_steps > most:
            raise AtlopError(
                f"{what}. The weights are as before it, but training stops, since trainer.max_skipped_steps is "
                f"{most}; a run may be resumed with more. A lower learning rate or "
                'trainer.precision = "float32" may help as well'
            )
        logger.warning("%s. It is left out (%d of %d)", what, self._progress.skipped_steps, most)


class Tracker:
    """Sends metrics to Weights & Biases, or to nowhere."""

    def __init__(self, config: TrackingConfig, *, folder: Path, name: str, settings: Mapping[str, Any]):
        """Start tracking.

        Args:
            config: Mode and project. `online` without an account becomes `offline`: it neither asks nor fails.
            folder: The run's folder; its name names the tracked run.
            name: Tells the run from all others; the same when it is resumed, which goes on with the same tracked run.
            settings: The run's configuration.
        """
        self._run = None
        if config.wandb == "disabled":
            return
        import wandb  # only where it is wanted: it takes a second to import

        mode = config.wandb
        if mode == "online" and not (os.environ.get("WANDB_API_KEY") or wandb.api.api_key):
            logger.warning("wandb: no account is set up (`wandb login`); metrics are kept offline in %s/wandb", folder)
            mode = "offline"
        init = partial(
            wandb.init,
            project=config.project,
            id=name,
            resume="allow",
            name=folder.name,
            dir=folder,
            config=dict(settings),
            settings=wandb.Settings(silent=True, console="off"),
        )
        try:
            self._run = init(mode=mode)
        except wandb.errors.Error as error:
            logger.warning("wandb: %s; metrics are kept offline in %s/wandb", error, folder)
            self._run = init(mode="offline")

    def log(self, metrics: Mapping[str, Any], *, step: int) -> None:
        """Send metrics of one step."""
        if self._run is not None:
            self._run.log(dict(metrics), step=step)

    def finish(self) -> None:
        """Wait until everything is sent."""
        if self._run is not None:
            self._run.finish()
