"""Training metrics: logged per step, shown in a progress bar, and printed as a line after each evaluation."""

import logging
import sys
from collections.abc import Callable, Mapping
from math import isfinite
from statistics import fmean
from time import monotonic
from typing import Any

from tqdm import tqdm

from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.prediction import BAR_FORMAT
from atlop.training.build import Training
from atlop.training.schedule import Step
from atlop.training.step import StepMetrics

logger = logging.getLogger(__name__)

LOGGING_INTERVAL = 10
"""Number of steps whose metrics are read from the device together, since reading waits for a GPU."""


class StepLog:
    """Buffers the metrics of steps on the device, then logs and shows them."""

    def __init__(self, training: Training, *, log: Callable[[Mapping[str, Any]], None]):
        """Open the progress bar; `log` is called with the metrics of each step."""
        self._training, self._progress, self._log = training, training.state.progress, log
        self._shown: dict[str, str] = {}
        self._losses: list[float] = []  # since the last evaluation
        self._started, self._first_step = monotonic(), self._progress.step
        self.pending: list[tuple[Step, StepMetrics]] = []
        """Steps whose metrics are still on the device; empty right after `flush`."""
        schedule = training.schedule
        self.bar = tqdm(
            total=schedule.documents_after(schedule.total),
            initial=schedule.documents_after(self._progress.step),
            desc="training",
            unit=" docs",
            bar_format=BAR_FORMAT,
            disable=not (training.show_progress and sys.stderr.isatty()),  # a log file has the lines alone
        )

    def add(self, step: Step, metrics: StepMetrics) -> None:
        """Buffer the metrics of a step; raises what `flush` does."""
        self.pending.append((step, metrics))
        self.bar.update(sum(map(len, step.batches)))
        if len(self.pending) == LOGGING_INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Read the buffered metrics from the device, check and log them.

        Raises:
            AtlopError: More than `max_skipped_steps` losses or gradients are not finite; names step and documents.
        """
        for step, metrics in self.pending:
            loss, norm = metrics.loss.item(), metrics.gradient_norm.item()
            if is_finite := isfinite(loss) and (isfinite(norm) or metrics.skipped):
                self._shown["loss"] = f"{loss:.3f}"
                self._losses.append(loss)
            else:
                self._count_skipped(f"step {step.number}: loss {loss}, gradient norm {norm}", step)
            self._log(
                {
                    "step": step.number,
                    "epoch": step.epoch,
                    **({"loss": loss} if is_finite else {"skipped": True}),
                    "gradient_norm": norm if isfinite(norm) else None,
                    **{f"{group}_learning_rate": rate for group, rate in metrics.learning_rates.items()},
                }
            )
        self.pending.clear()
        self.bar.set_postfix(self._shown, refresh=False)

    def show(self, scores: OfficialScores, *, is_best: bool) -> None:
        """Print a line about the epoch: mean loss, dev scores in percent, whether they are the best, and time left."""
        dev = {"dev F1": scores.f1, "Ign F1": scores.ign_f1}
        shown = {name: "–" if score is None else f"{100 * score:.2f}" for name, score in dev.items()}
        self._shown["dev F1"] = shown["dev F1"]
        self.bar.set_postfix(self._shown, refresh=False)
        if self._training.show_progress:
            schedule, done = self._training.schedule, self._progress.step
            epochs = f"{done / schedule.steps_per_epoch:.3g}/{schedule.epochs}"
            loss = f"{fmean(self._losses):.3f}" if self._losses else "–"
            pace = (monotonic() - self._started) / max(1, done - self._first_step)
            left = tqdm.format_interval(pace * (schedule.total - done))
            columns = "  ".join(f"{name} {value:>5}" for name, value in shown.items())
            mark = "★" if is_best else " "
            self.bar.write(f"epoch {epochs}  loss {loss}  {columns} {mark}  {left} left", file=sys.stderr)
        self._losses.clear()

    def _count_skipped(self, values: str, step: Step) -> None:
        message = f"{values}; documents of the step: {self._training.titles(step)}"
        self._progress.skipped_steps += 1
        limit = self._training.config.trainer.max_skipped_steps
        if self._progress.skipped_steps > limit:
            raise AtlopError(
                f"{message}. The weights are unchanged, but trainer.max_skipped_steps is {limit}; resume with a higher "
                "value, or try a lower learning rate or trainer.precision=float32"
            )
        logger.warning("%s. The step is skipped (%d of at most %d)", message, self._progress.skipped_steps, limit)
