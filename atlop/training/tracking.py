"""Training metrics: logged per step and shown in a progress bar."""

import logging
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from tqdm import tqdm

from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
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
        self.pending: list[tuple[Step, StepMetrics]] = []
        """Steps whose metrics are still on the device; empty right after `flush`."""
        self.bar = tqdm(
            total=training.schedule.total,
            initial=self._progress.step,
            desc="training",
            unit="step",
            disable=not training.show_progress,
        )

    def add(self, step: Step, metrics: StepMetrics) -> None:
        """Buffer the metrics of a step; raises what `flush` does."""
        self.pending.append((step, metrics))
        self.bar.update()
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

    def show(self, scores: OfficialScores) -> None:
        """Show dev F1 in percent."""
        self._shown["dev F1"] = "n/a" if scores.f1 is None else f"{100 * scores.f1:.2f}"
        self.bar.set_postfix(self._shown, refresh=False)

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
