"""Which documents go into which update, and at which learning rate."""

from collections.abc import Iterator

import numpy as np
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from atlop.config import OptimizerConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel

Update = list[list[int]]
"""Batches of one update, each a list of document indices."""


def updates_per_epoch(documents: int, *, batch_size: int, accumulation: int) -> int:
    """Return `ceil(batches / accumulation)`; the last incomplete batch is left out, the last update is not.

    Raises:
        AtlopError: There are too few documents for one batch.
    """
    batches = documents // batch_size
    if not batches:
        raise AtlopError(f"trainer.batch_size: {batch_size}, but there are only {documents} train documents")
    return -(-batches // accumulation)


def updates_of_epoch(documents: int, *, batch_size: int, accumulation: int, seed: int, epoch: int) -> Iterator[Update]:
    """Yield the updates of one epoch, shuffled; the same for the same seed and epoch, whatever came before."""
    order = np.random.default_rng([seed, epoch]).permutation(documents).tolist()
    batches = [order[first : first + batch_size] for first in range(0, documents - batch_size + 1, batch_size)]
    for first in range(0, len(batches), accumulation):
        yield batches[first : first + accumulation]


def make_optimizer(model: AtlopModel, *, config: OptimizerConfig, updates: int) -> tuple[AdamW, LambdaLR]:
    """Return AdamW with one learning rate for the encoder and one for the new layers, and their linear schedule.

    Args:
        model: The model, on its device.
        config: Rates, epsilon, weight decay and share of warm-up.
        updates: Updates of the whole training.

    Returns:
        The optimizer, whose groups are encoder and new layers, and the schedule: up from 0 during the warm-up, whose
        number of updates is rounded down, then down to 0.
    """
    groups = [
        {"params": list(model.encoder.parameters()), "lr": config.encoder_learning_rate},
        {"params": list(model.classifier.parameters()), "lr": config.new_layers_learning_rate},
    ]
    optimizer = AdamW(groups, eps=config.epsilon, weight_decay=config.weight_decay, fused=True)
    warmup = int(config.warmup_fraction * updates)
    return optimizer, get_linear_schedule_with_warmup(optimizer, warmup, updates)
