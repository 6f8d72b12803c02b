"""The weights of a training: those that steps change, and those that are evaluated and saved."""

from collections.abc import Mapping
from copy import deepcopy

from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atlop.model import AtlopModel
from atlop.sharding import copy_weights, sharded_copy


class TrainedWeights:
    """A model in training: the weights that steps change, and those that are evaluated and saved.

    The two are one model, trained in place, unless it is sharded over the processes or averaged over the steps.
    """

    def __init__(
        self, model: AtlopModel, *, accelerator: Accelerator, sharded: bool = False, ema_decay: float | None = None
    ):
        """Move a model to the accelerator's device; if it is sharded over several processes, `gather` fills it."""
        self.is_sharded = sharded and accelerator.num_processes > 1
        self._ema_decay = ema_decay
        self.trained = sharded_copy(model, accelerator=accelerator) if self.is_sharded else model.to(accelerator.device)
        self._averaged = self.trained
        if ema_decay is not None:  # FSDP modules cannot be copied
            self._averaged = sharded_copy(model, accelerator=accelerator) if self.is_sharded else deepcopy(model)
        self.evaluated = model if self.is_sharded else self._averaged
        """The model to evaluate and save; if it is sharded, as of the last `gather`."""

    @property
    def is_averaged(self) -> bool:
        """Whether the evaluated weights are a moving average of the trained ones."""
        return self._ema_decay is not None

    def move_average(self, *, steps: int) -> None:
        """Move the average, if there is one, towards the trained weights.

        Args:
            steps: Number of steps so far, without those that were skipped. The decay rises with it, since the first
                weights are not worth remembering.
        """
        if self._ema_decay is not None:
            decay = min(self._ema_decay, (1 + steps) / (10 + steps))
            move = get_ema_multi_avg_fn(decay)
            move(list(self._averaged.parameters()), list(self.trained.parameters()), steps)

    def gather(self) -> None:
        """Copy the sharded weights to `evaluated` on the CPU; every process must call it."""
        if self.is_sharded:
            copy_weights(self._averaged, to=self.evaluated.cpu())

    def gathered(self) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return the trained weights and their average, empty if there is none; every process must call it."""
        if not self.is_sharded:
            return self.trained.state_dict(), self.evaluated.state_dict() if self.is_averaged else {}
        copy_weights(self.trained, to=self.evaluated.cpu())
        trained = self.evaluated.state_dict()
        if not self.is_averaged:
            return trained, {}
        trained = {name: weight.clone() for name, weight in trained.items()}  # since `gather` overwrites them
        self.gather()
        return trained, self.evaluated.state_dict()

    def load(self, trained: Mapping[str, Tensor], average: Mapping[str, Tensor]) -> None:
        """Load what `gathered` returned; every process must call it."""
        self._load(trained, to=self.trained)
        if self.is_averaged:
            self._load(average, to=self._averaged)

    def _load(self, weights: Mapping[str, Tensor], *, to: nn.Module) -> None:
        whole = self.evaluated if self.is_sharded else to
        whole.load_state_dict(weights)
        if self.is_sharded:
            copy_weights(whole, to=to)
