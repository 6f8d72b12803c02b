"""The documents and learning rate of every step, and the steps after which dev is evaluated."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from atlop.config import OptimizerConfig, TrainerConfig
from atlop.errors import AtlopError


@dataclass(frozen=True)
class Step:
    """The documents of one step."""

    number: int  # from 1, over all epochs
    epoch: int  # from 0
    batches: list[list[int]]
    """Document indices of each batch, before it is split among processes."""


class Schedule:
    """All steps of a training in order. They depend only on the configuration and the numbers of documents."""

    def __init__(self, config: TrainerConfig, *, documents: int, further: int = 0, share: float = 1.0):
        """Count the steps of `documents` train documents and, in each epoch, a share of `further` ones.

        Raises:
            AtlopError: There are fewer documents than a batch holds.
        """
        self._train, self._further, self._drawn = documents, further, round(share * further)
        documents += self._drawn
        batches = documents // config.batch_size  # drops a last batch that is incomplete, but no last step
        if not batches:
            raise AtlopError(
                f"trainer.batch_size: {config.batch_size}, but there are only {documents} train documents; "
                f"--set trainer.batch_size={min(2, documents)} takes fewer in a batch"
            )
        self._config, self._documents, self._batches = config, documents, batches
        self.steps_per_epoch = -(-batches // config.gradient_accumulation)
        self.epochs = max(config.epochs, -(-config.min_steps // self.steps_per_epoch))
        self.total = self.epochs * self.steps_per_epoch

    def steps(self, *, done: int = 0) -> Iterator[Step]:
        """Yield the steps after the first `done`; every epoch draws the next further documents and shuffles."""
        size, accumulation, seed = self._config.batch_size, self._config.gradient_accumulation, self._config.seed
        further = self._train + np.random.default_rng(seed).permutation(self._further)
        for epoch in range(done // self.steps_per_epoch, self.epochs):
            drawn = np.take(further, np.arange(self._drawn) + epoch * self._drawn, mode="wrap")
            order = np.random.default_rng([seed, epoch]).permutation(np.append(np.arange(self._train), drawn)).tolist()
            batches = [order[first : first + size] for first in range(0, self._documents - size + 1, size)]
            for index in range(self.steps_per_epoch):
                number = epoch * self.steps_per_epoch + index + 1
                if number > done:
                    yield Step(number, epoch, batches[index * accumulation : (index + 1) * accumulation])

    def documents_after(self, number: int) -> int:
        """Return how many documents the first `number` steps train on, repeated ones included."""
        epochs, steps = divmod(number, self.steps_per_epoch)
        batches = min(steps * self._config.gradient_accumulation, self._batches)
        return (epochs * self._batches + batches) * self._config.batch_size

    def is_evaluated(self, number: int) -> bool:
        """Return whether dev is evaluated after a step: after every epoch or interval and at the end."""
        return number % (self._config.evaluation_interval or self.steps_per_epoch) == 0 or number == self.total


def make_optimizer(model: nn.Module, *, config: OptimizerConfig, steps: int) -> tuple[AdamW, LambdaLR]:
    """Return AdamW with one learning rate per group, and a linear schedule over all steps.

    Rates rise from 0 during warm-up, whose number of steps is rounded down, then fall to 0.
    """
    rates = {"encoder": config.encoder_learning_rate, "new_layers": config.new_layers_learning_rate}
    groups = [
        {"name": name, "params": parameters, "lr": rates[name]} for name, parameters in parameter_groups(model).items()
    ]
    optimizer = AdamW(groups, eps=config.epsilon, weight_decay=config.weight_decay, fused=True)
    return optimizer, get_linear_schedule_with_warmup(optimizer, int(config.warmup_fraction * steps), steps)


def parameter_groups(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the parameters of the encoder, and all others."""
    groups: dict[str, list[nn.Parameter]] = {"encoder": [], "new_layers": []}
    for name, parameter in model.named_parameters():
        groups["encoder" if name.startswith("encoder.") else "new_layers"].append(parameter)
    return groups
