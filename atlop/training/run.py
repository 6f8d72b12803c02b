"""A configuration to a trained model: reads, encodes, trains, and keeps the record."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from accelerate.utils import set_seed

from atlop.config import RunConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.files import refuse_taken
from atlop.model import compile_layers, encoder_tokenizer, new_model, save_model, start_from
from atlop.prediction import accelerator_for, predict_facts
from atlop.training.data import TrainingData
from atlop.training.loop import Trainer, total_updates
from atlop.training.record import RunFolder
from atlop.training.tracking import Tracker
from atlop.training.updates import Updater


def train(config: RunConfig, *, output: Path, show_progress: bool = True) -> dict[str, Any]:
    """Train a model and leave everything about it in one folder.

    Args:
        config: The run's configuration.
        output: The run's folder; it must not exist, or be empty. `best/` and `last/` in it are model folders.
        show_progress: Whether to draw progress bars.

    Returns:
        What `summary.json` says: the best dev scores, where they were reached, what truncation cost, and seconds.

    Raises:
        AtlopError: The folder exists, a file is not as it should be, the encoder cannot be loaded, or a loss is not
            finite.
    """
    refuse_taken(output)
    return _Run(config, output=output, show_progress=show_progress).fit()


class _Run:
    """One run, ready to start; making it writes nothing."""

    def __init__(self, config: RunConfig, *, output: Path, show_progress: bool):
        self._started = monotonic()
        self._config = config
        self._folder = RunFolder(output)
        self._accelerator = accelerator_for(config.trainer.precision)
        self._is_main = self._accelerator.is_main_process
        self._show_progress = show_progress and self._is_main
        if config.trainer.batch_size % self._accelerator.num_processes:
            raise AtlopError(
                f"trainer.batch_size: {config.trainer.batch_size} documents cannot be shared evenly by "
                f"{self._accelerator.num_processes} processes; choose a multiple"
            )
        self._data = TrainingData(
            config.data,
            tokenizer=encoder_tokenizer(config.encoder.name),
            encoding=config.encoding,
            show_progress=self._show_progress,
        )
        self._updates = total_updates(config.trainer, documents=len(self._data.train.documents))
        set_seed(config.trainer.seed)
        self._model, self._tokenizer = new_model(
            config.encoder.name,
            vocabulary=self._data.vocabulary,
            encoding=config.encoding,
            classifier=config.classifier,
            objective=config.objective,
        )
        if config.trainer.start_from is not None:
            start_from(self._model, config.trainer.start_from)
        if config.encoder.gradient_checkpointing:
            self._model.encoder.activation_checkpointing_enable({"use_reentrant": False})
        if config.trainer.compile:
            compile_layers(self._model)
        self._evaluations: list[OfficialScores] = []

    def fit(self) -> dict[str, Any]:
        """Train to the end and return the summary."""
        config, data = self._config, self._data
        if self._is_main:
            self._folder.create(config, data=data.sha256_of_files())
        self._accelerator.wait_for_everyone()
        self._tracker = Tracker(
            config.tracking if self._is_main else config.tracking.model_copy(update={"wandb": "disabled"}),
            folder=self._folder.path,
            settings=config.model_dump(mode="json"),
        )
        updater = Updater(
            self._model,
            accelerator=self._accelerator,
            documents=data.train.documents,
            pair_counts=data.train.documents.pair_counts,
            config=config.optimizer,
            updates=self._updates,
        )
        state = Trainer(
            updater,
            config=config.trainer,
            documents=data.train.documents,
            evaluate=self._evaluate,
            save=self._save,
            log=self._log,
            show_progress=self._show_progress,
        ).fit()
        best = max(self._evaluations, key=lambda scores: scores.f1)
        summary = {
            "best": {"update": state.best_update, **asdict(best)},
            "last": asdict(self._evaluations[-1]),
            "updates": state.update,
            "train": data.train.described(),
            "dev": data.dev.described(),
            "seconds": monotonic() - self._started,
        }
        if self._is_main:
            self._folder.summarise(summary)
        self._tracker.finish()
        return summary

    def _evaluate(self) -> OfficialScores:
        """Score dev with the weights as they are."""
        data = self._data
        predictions = predict_facts(
            self._model,
            data.dev.documents,
            accelerator=self._accelerator,
            batch_size=self._config.trainer.prediction_batch_size,
        )
        scores = official_scores(data.dev_documents, predictions=predictions, train_facts=data.train_facts)
        self._evaluations.append(scores)
        return scores

    def _save(self, is_best: bool) -> None:
        """Write the weights as the last and, where they are, as the best."""
        if self._is_main:
            for folder in [self._folder.last, self._folder.best] if is_best else [self._folder.last]:
                save_model(folder, model=self._model, tokenizer=self._tokenizer)

    def _log(self, metrics: Mapping[str, Any]) -> None:
        if self._is_main:
            self._folder.log(metrics)
            self._tracker.log(metrics, update=metrics["update"])
