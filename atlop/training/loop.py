"""The loop over epochs and updates, with evaluation on dev in between."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from time import monotonic
from typing import Any

from tqdm import tqdm

from atlop.config import TrainerConfig
from atlop.encoding import EncodedDocument
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.training.schedule import Update, updates_of_epoch, updates_per_epoch
from atlop.training.updates import UpdateMetrics, Updater

LOGGING_INTERVAL = 10
"""Updates whose metrics are read from the device at once: reading makes a GPU wait."""


@dataclass
class TrainState:
    """How far training is."""

    update: int = 0
    """Updates done."""
    epoch: int = 0
    """Epoch of the last update, from 0."""
    best_f1: float | None = None
    """Best dev F1 so far."""
    best_update: int | None = None
    """Update after which it was reached."""


def total_updates(config: TrainerConfig, *, documents: int) -> int:
    """Return the number of updates of a whole training.

    Raises:
        AtlopError: There are too few documents for one batch.
    """
    per_epoch = updates_per_epoch(documents, batch_size=config.batch_size, accumulation=config.gradient_accumulation)
    return config.epochs * per_epoch


class Trainer:
    """Trains to the end of the schedule; evaluates after every epoch, or every so many updates."""

    def __init__(
        self,
        updater: Updater,
        *,
        config: TrainerConfig,
        documents: Sequence[EncodedDocument],
        evaluate: Callable[[], OfficialScores],
        save: Callable[[bool], None],
        log: Callable[[Mapping[str, Any]], None],
        show_progress: bool,
    ):
        """Prepare the loop.

        Args:
            updater: Applies one update.
            config: Epochs, batches, interval of evaluation, seed.
            documents: All train documents.
            evaluate: Scores dev with the weights as they are.
            save: Writes the weights; its argument says whether they are the best so far.
            log: Takes the metrics of one update or one evaluation.
            show_progress: Whether to draw a progress bar with loss, dev F1 and time left.
        """
        self.state = TrainState()
        self._updater = updater
        self._config = config
        self._documents = documents
        self._evaluate = evaluate
        self._save = save
        self._log = log
        self._pending: list[tuple[int, int, Update, UpdateMetrics]] = []
        self._shown: dict[str, str] = {}
        self._bar = tqdm(
            total=total_updates(config, documents=len(documents)),
            desc="training",
            unit="update",
            disable=not show_progress,
        )
        self._started = monotonic()

    def fit(self) -> TrainState:
        """Run all epochs and return how it went.

        Raises:
            AtlopError: A loss or a gradient is not finite; update and documents are named.
        """
        interval = self._config.evaluation_interval
        with self._bar:
            for epoch in range(self._config.epochs):
                self.state.epoch = epoch
                for update in self._updates():
                    self._step(update)
                    if interval and self.state.update % interval == 0:
                        self._evaluate_and_save()
                is_last = epoch == self._config.epochs - 1
                if not interval or (is_last and self.state.update % interval != 0):
                    self._evaluate_and_save()
        return self.state

    def _updates(self) -> Iterator[Update]:
        return updates_of_epoch(
            len(self._documents),
            batch_size=self._config.batch_size,
            accumulation=self._config.gradient_accumulation,
            seed=self._config.seed,
            epoch=self.state.epoch,
        )

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
            if not isfinite(loss) or not (isfinite(norm) or metrics.skipped):
                titles = ", ".join(f'"{self._documents[index].title}"' for batch in update for index in batch)
                raise AtlopError(
                    f"update {number}: loss {loss}, gradient norm {norm}; training stops, since the weights would be "
                    f"lost. Documents of the update: {titles}. A lower learning rate or trainer.precision = "
                    '"float32" may help'
                )
            self._log(
                {
                    "update": number,
                    "epoch": epoch,
                    "loss": loss,
                    "gradient_norm": norm,
                    "encoder_learning_rate": metrics.encoder_learning_rate,
                    "new_layers_learning_rate": metrics.new_layers_learning_rate,
                }
            )
            self._shown["loss"] = f"{loss:.3f}"
        self._pending.clear()
        self._bar.set_postfix(self._shown, refresh=False)

    def _evaluate_and_save(self) -> None:
        self._read_metrics()
        scores = self._evaluate()
        state = self.state
        is_best = state.best_f1 is None or scores.f1 > state.best_f1
        if is_best:
            state.best_f1, state.best_update = scores.f1, state.update
        seconds = monotonic() - self._started
        self._log({"update": state.update, "epoch": state.epoch, "seconds": seconds, "dev": asdict(scores)})
        self._shown["dev F1"] = f"{100 * scores.f1:.2f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._save(is_best)
