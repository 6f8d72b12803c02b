"""What a training would take on this machine, from one of its steps."""

import resource
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch

from atlop.config import Precision, RunConfig
from atlop.prediction import predict_facts
from atlop.preprocessing import Batch
from atlop.training import Training, build_training
from atlop.training.schedule import Step

SAMPLE_SIZE = 16
"""Dev documents that are predicted."""


@dataclass(frozen=True)
class TrainingEstimate:
    """The size of a training, and its estimated cost."""

    train_documents: int
    dev_documents: int
    epochs: int
    steps: int
    evaluations: int
    device: str
    precision: Precision
    memory: int
    """Peak bytes of a step on the longest documents: of the GPU, or of the whole process."""
    step_seconds: float
    """Of a step of average length."""
    seconds: float
    """From start to end, evaluations included."""


def estimate_training(config: RunConfig, *, device: str | None = None, show_progress: bool = False) -> TrainingEstimate:
    """Build a training, run one of its steps and predict some dev documents. Only the preprocessing cache is written.

    A step on the longest documents comes first, which needs the most memory, then the measured step twice: what is slow
    only once is then done. The measured times are scaled by the number of tokens.

    Args:
        config: The run's configuration.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw progress bars while files are preprocessed.

    Raises:
        AtlopError: The training could not begin, or memory is not enough for the longest documents.
    """
    training = build_training(config, device=device, show_progress=show_progress)
    schedule, trainer = training.schedule, training.config.trainer
    train, dev = training.documents, training.data.dev.documents
    longest = np.argsort(train.token_counts)[-trainer.batch_size :].tolist()
    with training.accelerator.settings(), closing(training.prefetch_steps()) as steps:
        step, batches = next(steps)
        _, longest_batches = training.collate(Step(0, 0, [longest]))
        _run_step(training, longest_batches)
        _run_step(training, batches)  # which captures the encoder on a GPU
        step_seconds = _seconds(partial(_run_step, training, batches))
        memory = _peak_memory(training.accelerator.device)
        sample = dev[:SAMPLE_SIZE]
        predict = partial(predict_facts, accelerator=training.accelerator)
        model = training.state.model.to(training.accelerator.device)
        sample_seconds = _seconds(partial(predict, model, sample))
    documents = [index for batch in step.batches for index in batch]
    step_seconds *= len(documents) * train.token_counts.mean() / train.token_counts[documents].sum()
    evaluation_seconds = sample_seconds * dev.token_counts.sum() / dev.token_counts[: len(sample)].sum()
    evaluations = sum(map(schedule.is_evaluated, range(1, schedule.total + 1)))
    return TrainingEstimate(
        train_documents=len(training.data.train.documents),
        dev_documents=len(dev),
        epochs=schedule.epochs,
        steps=schedule.total,
        evaluations=evaluations,
        device=str(training.accelerator.device),
        precision=trainer.precision,
        memory=memory,
        step_seconds=float(step_seconds),
        seconds=float(schedule.total * step_seconds + evaluations * evaluation_seconds),
    )


def _run_step(training: Training, batches: list[Batch]) -> None:
    training.step(batches).loss.item()  # waits for the device


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
