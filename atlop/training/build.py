"""Build a training from its configuration."""

import gc
import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from atlop.config import RunConfig
from atlop.corpora import require_files
from atlop.device import DeviceAccelerator, accelerator_for
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.model import AtlopModel
from atlop.model_folder import load_encoder, new_model, preprocessor_for, start_from
from atlop.model_folder.checks import two_mentions
from atlop.objectives import make_objective, training_losses
from atlop.ops import CapturedEncoder, has_varlen_kernel, limits_for, uses_packed_attention
from atlop.prediction import predict_facts
from atlop.prefetching import prefetch
from atlop.preprocessing import Batch, Mixture
from atlop.schema import Fact
from atlop.stopping import StopRequestError, StopRequests
from atlop.teachers import soft_targets
from atlop.trained_weights import TrainedWeights
from atlop.training.data import TrainingData, training_documents
from atlop.training.schedule import Schedule, Step
from atlop.training.state import TrainState
from atlop.training.step import TrainStep

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """Everything a training needs. The precision in its configuration is resolved: it is never `auto`."""

    config: RunConfig
    accelerator: DeviceAccelerator
    data: TrainingData
    documents: Mixture
    """What is trained on: the train documents, and further ones."""
    tokenizer: PreTrainedTokenizerBase
    schedule: Schedule
    state: TrainState
    step: TrainStep
    show_progress: bool

    def prefetch_steps(self) -> Generator[tuple[Step, list[Batch]], None, None]:
        """Yield the remaining steps, each with this process's share of its batches, collated in a thread."""
        return prefetch(self.schedule.steps(done=self.state.progress.step), make=self.collate)

    def collate(self, step: Step) -> tuple[Step, list[Batch]]:
        """Return a step with this process's share of its batches, on the CPU; in pinned memory for a GPU."""
        accelerator, documents = self.accelerator, self.documents
        shares = [batch[accelerator.process_index :: accelerator.num_processes] for batch in step.batches]
        batches = [self.state.model.collate([documents[index] for index in share]) for share in shares]
        return step, [batch.pin_memory() for batch in batches] if accelerator.device.type == "cuda" else batches

    def titles(self, step: Step) -> str:
        """Return the titles of a step's documents for a message."""
        return ", ".join(f'"{self.documents[index].title}"' for batch in step.batches for index in batch)

    def is_evaluation_due(self) -> bool:
        """Return whether dev must be evaluated before the next step."""
        progress = self.state.progress
        return progress.step != progress.evaluated_step and self.schedule.is_evaluated(progress.step)

    def is_finished(self) -> bool:
        """Return whether all steps are done or patience has run out."""
        progress, patience = self.state.progress, self.config.trainer.patience
        is_stopped_early = patience is not None and progress.evaluations_since_best >= patience
        return is_stopped_early or progress.step == self.schedule.total

    def stopped_early(self) -> dict[str, int] | None:
        """Return when patience ended the training; `None` if all steps are done."""
        progress, total = self.state.progress, self.schedule.total
        if progress.step == total:
            return None
        return {"step": progress.step, "of": total, "evaluations_since_best": progress.evaluations_since_best}

    def evaluate(self, stop: StopRequests) -> OfficialScores | None:
        """Score dev with the current weights or their average; `None` if a stop signal arrived meanwhile."""
        self.state.weights.gather()
        # A process that leaves an evaluation would make the others wait forever.
        watch = stop.watch if self.accelerator.num_processes == 1 else iter
        try:
            predictions = self.predict(progress=watch)
        except StopRequestError:
            return None
        return official_scores(self.data.dev_documents, predictions=predictions, train_facts=self.data.train_facts)

    def predict(self, *, progress: Any = iter) -> list[tuple[Fact, ...]]:
        """Return the facts that the model predicts for dev."""
        return predict_facts(
            self.state.model.to(self.accelerator.device),
            self.data.dev.documents,
            accelerator=self.accelerator,
            progress=progress,
        )


def build_training(config: RunConfig, *, device: str | None = None, show_progress: bool = False) -> Training:
    """Build a training. Only the preprocessing cache is written.

    Args:
        config: The run's configuration.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw progress bars.

    Raises:
        AtlopError: A file is invalid, the encoder cannot be loaded, or settings contradict each other.
    """
    require_files(config.data)
    gc.collect()  # accelerate lets a model refer to itself, so the last training may still have its memory
    targets = soft_targets(config, device=device, show_progress=show_progress)  # before the seed: it may load models
    trainer = config.trainer
    accelerator = accelerator_for(trainer.precision, device=device, training=True, deterministic=trainer.deterministic)
    trainer = config.trainer.model_copy(update={"precision": accelerator.precision})
    config = config.model_copy(update={"trainer": trainer})
    _check_processes(config, accelerator=accelerator)
    objective = make_objective(config.objective)  # before the data, to fail early
    show_progress = show_progress and accelerator.is_main_process
    set_seed(trainer.seed)
    encoder = load_encoder(config.encoder.name, model_config=config.model, precision=accelerator.precision)
    if config.encoder.gradient_checkpointing and not encoder.model.supports_gradient_checkpointing:
        raise AtlopError(
            f"encoder.gradient_checkpointing: {config.encoder.name} ({encoder.config.model_type}) cannot do it; set it "
            "to false, or choose another encoder"
        )
    data = TrainingData(
        config.data,
        tokenizer=encoder.tokenizer,
        preprocessing=config.preprocessing,
        evidence=config.evidence,
        type_embeddings=config.classifier.type_embeddings,
        seed=trainer.seed,
        show_progress=show_progress,
    )
    documents = training_documents(
        config,
        train=data.train.documents,
        targets=targets,
        dev=data.dev.documents,
        tokenizer=encoder.tokenizer,
        vocabulary=data.vocabulary,
        types=data.types,
        show_progress=show_progress,
    )
    further, share = len(documents) - len(data.train.documents), config.distillation.unlabelled_share
    schedule = Schedule(trainer, documents=len(data.train.documents), further=further, share=share)
    model = new_model(encoder, vocabulary=data.vocabulary, types=data.types)
    shares = data.train.documents.class_shares(data.vocabulary.classes)
    objective = objective.with_class_shares(torch.from_numpy(shares).float())
    if trainer.start_from is not None:
        start_from(model, trainer.start_from)
    if accelerator.num_processes > 1:
        freeze_untrained(model, tokenizer=encoder.tokenizer)
    if config.encoder.gradient_checkpointing:
        model.encoder.activation_checkpointing_enable({"use_reentrant": False})
    weights = TrainedWeights(model, accelerator=accelerator, sharded=trainer.sharded, ema_decay=trainer.ema_decay)
    state = TrainState(weights, accelerator=accelerator, config=config.optimizer, steps=schedule.total)
    if limits_for(accelerator.device).captures:
        _capture_encoder(model, config=config, processes=accelerator.num_processes)
    losses = training_losses(objective, config=config.distillation) if config.has_teachers else {"relation": objective}
    step = TrainStep(state, losses=losses, max_gradient_norm=config.optimizer.max_gradient_norm)
    return Training(config, accelerator, data, documents, encoder.tokenizer, schedule, state, step, show_progress)


def freeze_untrained(model: AtlopModel, *, tokenizer: PreTrainedTokenizerBase) -> None:
    """Freeze what no loss reaches, such as LUKE's embeddings of entities: processes wait for every other gradient."""
    [features] = preprocessor_for(model, tokenizer).preprocess([two_mentions(words=8)])
    outputs = model.eval()(model.collate([features]))
    trained = [outputs.scores, *(values for name, values in outputs.heads.items() if model.heads[name].weight)]
    torch.stack([values.float().sum() for values in trained]).sum().backward()
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None


def _capture_encoder(model: AtlopModel, *, config: RunConfig, processes: int) -> None:
    """Capture the encoder's passes, or log why it trains without."""
    encoder = model.encoder.config
    obstacles = {
        "several processes": processes > 1,
        "encoder.gradient_checkpointing": config.encoder.gradient_checkpointing,
        "trainer.deterministic": config.trainer.deterministic,  # a checkpoint does not have what was captured
        f"an encoder of type {encoder.model_type!r}": not uses_packed_attention(model.encoder),
        "heads of such a width": not has_varlen_kernel(encoder.hidden_size // encoder.num_attention_heads),
    }
    if found := [name for name, is_there in obstacles.items() if is_there]:
        logger.info("the encoder trains without CUDA graphs, which do not work with %s", " and ".join(found))
    else:
        model.run_encoder = CapturedEncoder(model.encoder)


def _check_processes(config: RunConfig, *, accelerator: DeviceAccelerator) -> None:
    trainer, processes = config.trainer, accelerator.num_processes
    if (size := trainer.batch_size) % processes:
        raise AtlopError(
            f"trainer.batch_size: {size} documents do not divide evenly among {processes} processes; choose a multiple"
        )
    if trainer.sharded and trainer.precision == "fp16":
        raise AtlopError("trainer.sharded: a sharded model cannot be trained in fp16; set trainer.precision=bf16")
