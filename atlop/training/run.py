"""A configuration to a trained model: reads, encodes, trains, and keeps the record."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from signal import Signals
from time import monotonic
from typing import Any

import torch
from accelerate.utils import DistributedType, set_seed
from safetensors import SafetensorError

from atlop.config import RunConfig, load_config
from atlop.errors import AtlopError, StoppedError
from atlop.evaluation import OfficialScores, fact_table, mean_scores, official_scores
from atlop.files import refuse_taken
from atlop.model import compile_layers
from atlop.model_folder import FinishedRun, encoder_tokenizer, new_model, save_model, start_from, write_card
from atlop.objectives import objective_named
from atlop.prediction import accelerator_for, predict_facts
from atlop.schema import Fact
from atlop.training.checkpoint import Checkpoints
from atlop.training.data import TrainingData
from atlop.training.loop import Surroundings, Trainer, TrainState, total_updates
from atlop.training.record import RunFolder, environment
from atlop.training.resuming import Resumption, refuse_changed_config, refuse_changed_environment
from atlop.training.stopping import StopRequests
from atlop.training.tracking import Tracker
from atlop.training.updates import Updater


def train(config: RunConfig, *, output: Path, resume: bool = False, show_progress: bool = True) -> dict[str, Any]:
    """Train a model and leave everything about it in one folder.

    Args:
        config: The run's configuration.
        output: The run's folder; unless it is resumed, it must not exist, or be empty. `best/` and `last/` in it are
            model folders, and `checkpoints/` holds what is needed to go on while it trains.
        resume: Whether to go on with what the folder holds of this run, from its last checkpoint. It begins where the
            folder holds nothing, and only gives the summary where it has ended.
        show_progress: Whether to draw progress bars.

    Returns:
        What `summary.json` says: the best dev scores with intervals, where they were reached, what truncation cost, and
        seconds.

    Raises:
        AtlopError: The folder exists, or holds a run of another configuration, other data or other code; a file is not
            as it should be, the encoder cannot be loaded, a loss is not finite, memory or disk space are not enough.
        StoppedError: SIGTERM or Ctrl-C came; a checkpoint is written.
    """
    folder = RunFolder(output)
    if resume:
        folder.tidy()
    has_begun = resume and folder.config.exists()
    if not has_begun:
        refuse_taken(output)
    else:
        refuse_changed_config(output, began=load_config(str(folder.config)), now=config)
        if (summary := folder.summary()) is not None:
            Checkpoints(folder.checkpoints, kept=1).remove()  # a stop may have left them
            return summary
    return _Run(config, folder=folder, has_begun=has_begun, show_progress=show_progress).fit()


class _Run:
    """One run, ready to start; making it writes nothing."""

    def __init__(self, config: RunConfig, *, folder: RunFolder, has_begun: bool, show_progress: bool):
        self._started = monotonic()
        self._config = config
        self._folder = folder
        self._has_begun = has_begun
        self._checkpoints = Checkpoints(folder.checkpoints, kept=config.trainer.checkpoints_kept)
        self._accelerator = accelerator_for(config.trainer.precision)
        self._is_main = self._accelerator.is_main_process
        self._show_progress = show_progress and self._is_main
        self._refuse_processes()
        # Before files are read, so that one that is not known is refused at once.
        objective = objective_named(config.objective.name, parameters=config.objective.parameters)
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
            pooling=config.pooling,
            classifier=config.classifier,
            objective=config.objective,
        )
        shares = self._data.train.documents.class_shares(self._data.vocabulary.classes)
        self._objective = objective.informed(torch.from_numpy(shares).float())
        if config.trainer.start_from is not None:
            start_from(self._model, config.trainer.start_from)
        if config.encoder.gradient_checkpointing:
            self._model.encoder.activation_checkpointing_enable({"use_reentrant": False})
        if config.trainer.compile:
            compile_layers(self._model)

    def fit(self) -> dict[str, Any]:
        """Train to the end and return the summary."""
        config, data, folder = self._config, self._data, self._folder
        now = environment(data=data.sha256_of_files())
        if self._has_begun:
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
        updater = Updater(
            self._model,
            objective=self._objective,
            accelerator=self._accelerator,
            documents=data.train.documents,
            pair_counts=data.train.documents.pair_counts,
            config=config.optimizer,
            updates=self._updates,
            sharded=config.trainer.sharded,
        )
        resumption = Resumption(
            config,
            folder=folder,
            checkpoints=self._checkpoints,
            accelerator=self._accelerator,
            model=self._model,
            updater=updater,
        )
        state = resumption.restored() if self._has_begun else TrainState()
        earlier = state.seconds
        stopped = self._fit(updater, state=state, resumption=resumption)
        self._tracker.finish()
        if stopped:
            raise StoppedError(
                f"stopped by {Signals(stopped).name} after update {state.update:,} of {self._updates:,}. "
                f"{self._way_on()}",
                exit_code=128 + stopped,
            )
        assert state.best is not None
        assert state.last is not None
        summary = {
            "best": {"update": state.best_update, **asdict(state.best)},
            "best_intervals": self._best_intervals(),
            "last": asdict(state.last),
            "updates": state.update,
            "skipped_updates": state.skipped,
            "train": data.train.described(),
            "dev": data.dev.described(),
            "seconds": earlier + monotonic() - self._started,
        }
        if self._is_main:
            for model_folder in (folder.best, folder.last):
                write_card(model_folder, run=FinishedRun(folder.path, summary))
            folder.summarise(summary)  # last of all: it says that the run has ended
            self._checkpoints.remove()
        return summary

    def _fit(self, updater: Updater, *, state: TrainState, resumption: Resumption) -> int:
        """Train to the end, or to a signal, which is returned; what goes wrong is said with the way to go on."""
        alone = self._accelerator.num_processes == 1
        try:
            if state.update and state.evaluated == state.update:
                self._save(state.best_update == state.update)  # a stop may have come before they were written
            with StopRequests() as stop:
                return Trainer(
                    updater,
                    config=self._config.trainer,
                    documents=self._data.train.documents,
                    surroundings=Surroundings(
                        # Of several processes none may leave an evaluation, in which the others wait for it.
                        evaluate=lambda: self._evaluate(updater, progress=stop.watch if alone else iter),
                        save=self._save,
                        checkpoint=resumption.keep,
                        log=self._log,
                        signal=lambda: stop.signal,
                        agreed=None if alone else self._largest,
                    ),
                    state=state,
                    show_progress=self._show_progress,
                ).fit()
        except AtlopError as error:
            raise AtlopError(f"{error}. {self._way_on()}") from None
        except (OSError, SafetensorError) as error:
            raise AtlopError(f"{self._folder.path}: cannot be written: {error}. {self._way_on()}") from None

    def _way_on(self) -> str:
        """Say which checkpoint is there, and how to go on from it."""
        command = f"atlop train --resume {self._folder.path}"
        if self._checkpoints.newest is None:
            return f"There is no checkpoint yet: `{command}` begins again"
        return f"The last good checkpoint is {self._checkpoints.newest}: `{command}` goes on from it"

    def _refuse_processes(self) -> None:
        processes, batch_size = self._accelerator.num_processes, self._config.trainer.batch_size
        if batch_size % processes:
            raise AtlopError(
                f"trainer.batch_size: {batch_size} documents cannot be shared evenly by {processes} processes; choose "
                "a multiple"
            )
        kind = self._accelerator.distributed_type
        if kind in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
            raise AtlopError(
                f"accelerate is set to {kind.value}; launch without it, and set trainer.sharded=true to share the "
                "model out among the processes (FSDP)"
            )
        trainer = self._config.trainer
        if trainer.sharded and (trainer.precision == "fp16" or trainer.compile):
            raise AtlopError(
                "trainer.sharded: a model that is shared out cannot be trained in fp16 or compiled; set "
                "trainer.precision=bf16 and trainer.compile=false"
            )

    def _largest(self, value: int) -> int:
        """Return the largest value of all processes, the same in each."""
        return int(self._accelerator.gather(torch.tensor([value], device=self._accelerator.device)).max())

    def _evaluate(self, updater: Updater, *, progress: Any) -> OfficialScores:
        """Score dev with the weights as they are."""
        data = self._data
        updater.gather()
        return official_scores(
            data.dev_documents, predictions=self._predict(progress=progress), train_facts=data.train_facts
        )

    def _best_intervals(self) -> dict[str, list[float]]:
        """Return where 95 % of the bootstrap samples of the best model's F1 and Ign F1 lie, from 0 to 1."""
        self._accelerator.wait_for_everyone()  # the first process writes the best model
        start_from(self._model, self._folder.best)
        data = self._data
        table = fact_table(data.dev_documents, predictions=self._predict(progress=iter), train_facts=data.train_facts)
        f1, ign_f1 = mean_scores([table])
        return {"f1": [f1.low, f1.high], "ign_f1": [ign_f1.low, ign_f1.high]}

    def _predict(self, *, progress: Any) -> list[tuple[Fact, ...]]:
        """Return dev's facts by the weights that the model has."""
        return predict_facts(
            self._model.to(self._accelerator.device),
            self._data.dev.documents,
            accelerator=self._accelerator,
            batch_size=self._config.trainer.prediction_batch_size,
            progress=progress,
        )

    def _save(self, is_best: bool) -> None:
        """Write the weights as the last and, where they are, as the best."""
        if self._is_main:
            for folder in [self._folder.last, self._folder.best] if is_best else [self._folder.last]:
                save_model(folder, model=self._model, tokenizer=self._tokenizer)

    def _log(self, metrics: Mapping[str, Any]) -> None:
        if self._is_main:
            self._folder.log(metrics)
            self._tracker.log(metrics, update=metrics["update"])
