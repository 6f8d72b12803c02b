"""The loop over epochs and updates, with evaluation on dev in between."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import isfinite
from time import monotonic
from typing import Any

from tqdm import tqdm

from atlop.config import TrainerConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.preprocessing import Features
from atlop.training.schedule import Update, updates_of_epoch, updates_per_epoch
from atlop.training.stopping import StopRequestError
from atlop.training.updates import UpdateMetrics, Updater

logger = logging.getLogger(__name__)

LOGGING_INTERVAL = 10
"""Updates whose metrics are read from the device at once: reading makes a GPU wait."""


@dataclass
class TrainState:
    """How far training is; `asdict` makes JSON of it, `TrainState.of` reads that."""

    update: int = 0
    """Updates done."""
    epoch: int = 0
    """Epoch of the last update, from 0."""
    evaluated: int = 0
    """Updates done when dev was evaluated last."""
    best: OfficialScores | None = None
    """Best dev scores so far."""
    best_update: int | None = None
    """Update after which they were reached."""
    last: OfficialScores | None = None
    """Dev scores of the last evaluation."""
    skipped: int = 0
    """Updates that were left out because their numbers were not finite."""
    seconds: float = 0.0
    """Time spent on training, over all its parts."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "TrainState":
        """Return the state that `asdict` made these values of."""
        scores = {key: None if values[key] is None else OfficialScores(**values[key]) for key in ("best", "last")}
        return cls(**{**values, **scores})


def total_updates(config: TrainerConfig, *, documents: int) -> int:
    """Return the number of updates of a whole training.

    Raises:
        AtlopError: There are too few documents for one batch.
    """
    per_epoch = updates_per_epoch(documents, batch_size=config.batch_size, accumulation=config.gradient_accumulation)
    return config.epochs * per_epoch


@dataclass(frozen=True)
class Surroundings:
    """What the loop asks of the run around it."""

    evaluate: Callable[[], OfficialScores]
    """Scores dev with the weights as they are; may raise `StopRequestError`."""
    save: Callable[[bool], None]
    """Writes the weights as the last and, where its argument says so, as the best."""
    checkpoint: Callable[[TrainState], None]
    """Writes everything that is needed to go on from here."""
    log: Callable[[Mapping[str, Any]], None]
    """Takes the metrics of one update or one evaluation."""
    signal: Callable[[], int]
    """Number of the signal that asked to stop; 0 where none has."""
    agreed: Callable[[int], int] | None = None
    """Largest value of all processes, which makes them wait for each other; `None` with one process."""


class Trainer:
    """Trains to the end of the schedule; evaluates after every epoch, or every so many updates."""

    def __init__(
        self,
        updater: Updater,
        *,
        config: TrainerConfig,
        documents: Sequence[Features],
        surroundings: Surroundings,
        state: TrainState | None = None,
        show_progress: bool,
    ):
        """Prepare the loop.

        Args:
            updater: Applies one update.
            config: Epochs, batches, intervals of evaluation and checkpoints, seed.
            documents: All train documents.
            surroundings: Evaluates, saves and logs.
            state: How far training is already.
            show_progress: Whether to draw a progress bar with loss, dev F1 and time left.
        """
        self.state = state or TrainState()
        self._updater = updater
        self._config = config
        self._documents = documents
        self._around = surroundings
        self._total = total_updates(config, documents=len(documents))
        self._pending: list[tuple[int, int, Update, UpdateMetrics]] = []
        self._shown: dict[str, str] = {}
        self._bar = tqdm(
            total=self._total,
            initial=self.state.update,
            desc="training",
            unit="update",
            disable=not show_progress,
        )
        self._checkpoint_update = self.state.update
        self._checkpoint_time = self._started = monotonic()
        self._seconds_before = self.state.seconds

    def fit(self) -> int:
        """Run all epochs that are left.

        Returns:
            0, or the number of the signal that stopped training; then a checkpoint is written.

        Raises:
            AtlopError: A loss or a gradient is not finite; update and documents are named.
        """
        with self._bar:
            if self._is_due() and (stopped := self._evaluate_and_save()):  # a stop came before the evaluation
                return stopped
            for epoch, update in self._updates_left():
                self.state.epoch = epoch
                self._step(update)
                if self._is_due() and (stopped := self._evaluate_and_save()):
                    return stopped
                if stopped := self._checkpoint_where_due():
                    return stopped
        return 0

    def _updates_left(self) -> Iterator[tuple[int, Update]]:
        """Yield the updates that are still to do, each with its epoch."""
        first, position = divmod(self.state.update, self._per_epoch)
        for epoch in range(first, self._config.epochs):
            updates = updates_of_epoch(
                len(self._documents),
                batch_size=self._config.batch_size,
                accumulation=self._config.gradient_accumulation,
                seed=self._config.seed,
                epoch=epoch,
            )
            for update in islice(updates, position if epoch == first else 0, None):
                yield epoch, update

    @property
    def _per_epoch(self) -> int:
        return self._total // self._config.epochs

    def _is_due(self) -> bool:
        """Return whether dev is to be evaluated before the next update."""
        done = self.state.update
        if done == self.state.evaluated:
            return False
        return done % (self._config.evaluation_interval or self._per_epoch) == 0 or done == self._total

    def _step(self, update: Update) -> None:
        metrics = self._updater.apply(update)
        self.state.update += 1
        self._pending.append((self.state.update, self.state.epoch, update, metrics))
        self._bar.update()
        if len(self._pending) == LOGGING_INTERVAL:
            self._read_metrics()

    def _read_metrics(self) -> None:
        """Read the metrics of the last updates from the device, check and log them."""
        for number, epoch, update, metrics in self._pending:
            loss, norm = metrics.loss.item(), metrics.gradient_norm.item()
            finite = isfinite(loss) and (isfinite(norm) or metrics.skipped)
            if not finite:
                self._pass_over(number, update, loss=loss, norm=norm)
            self._around.log(
                {
                    "update": number,
                    "epoch": epoch,
                    **({"loss": loss} if finite else {"skipped": True}),
                    "gradient_norm": norm if isfinite(norm) else None,
                    "encoder_learning_rate": metrics.encoder_learning_rate,
                    "new_layers_learning_rate": metrics.new_layers_learning_rate,
                }
            )
            if finite:
                self._shown["loss"] = f"{loss:.3f}"
        self._pending.clear()
        self._bar.set_postfix(self._shown, refresh=False)

    def _pass_over(self, number: int, update: Update, *, loss: float, norm: float) -> None:
        """Count an update that the optimizer has left out.

        Raises:
            AtlopError: There were as many as are allowed already.
        """
        titles = ", ".join(f'"{self._documents[index].title}"' for batch in update for index in batch)
        what = f"update {number}: loss {loss}, gradient norm {norm}; documents of the update: {titles}"
        self.state.skipped += 1
        if self.state.skipped > self._config.max_skipped_updates:
            raise AtlopError(
                f"{what}. The weights are as before it, but training stops, since trainer.max_skipped_updates is "
                f"{self._config.max_skipped_updates}; a run may be resumed with more. A lower learning rate or "
                'trainer.precision = "float32" may help as well'
            )
        logger.warning("%s. It is left out (%d of %d)", what, self.state.skipped, self._config.max_skipped_updates)

    def _evaluate_and_save(self) -> int:
        """Evaluate, write a checkpoint and then the models: these can be written again from it.

        Returns:
            0, or the number of the signal that stopped the evaluation; then the checkpoint is of the time before it.
        """
        self._read_metrics()
        state = self.state
        try:
            scores = self._around.evaluate()
        except StopRequestError:
            self._checkpoint()
            return self._around.signal()
        state.evaluated, state.last = state.update, scores
        is_best = state.best is None or scores.f1 > state.best.f1
        if is_best:
            state.best, state.best_update = scores, state.update
        self._around.log(
            {"update": state.update, "epoch": state.epoch, "seconds": self._seconds(), "dev": asdict(scores)}
        )
        self._shown["dev F1"] = f"{100 * scores.f1:.2f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._checkpoint()
        self._around.save(is_best)
        return 0

    def _checkpoint_where_due(self) -> int:
        """Write a checkpoint where it is time or a stop is asked for; return the number of the signal, or 0."""
        stopped, minutes = self._around.signal(), self._config.checkpoint_minutes
        late = minutes is not None and monotonic() - self._checkpoint_time >= 60 * minutes
        if self._around.agreed is not None:
            # Clocks and signals differ among processes; they settle it where they wait for each other anyway.
            is_waiting = not self._pending
            stopped = self._around.agreed(stopped) if is_waiting else 0
            late = bool(self._around.agreed(late)) if is_waiting else False
        interval = self._config.checkpoint_interval
        is_written = self._checkpoint_update == self.state.update
        if not is_written and (stopped or late or (interval and self.state.update % interval == 0)):
            self._checkpoint()
        return stopped

    def _checkpoint(self) -> None:
        self._read_metrics()  # so that nothing of an update whose numbers are wrong is kept
        self.state.seconds = self._seconds()
        self._around.checkpoint(self.state)
        self._checkpoint_update, self._checkpoint_time = self.state.update, monotonic()

    def _seconds(self) -> float:
        return self._seconds_before + monotonic() - self._started
