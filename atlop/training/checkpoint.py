"""Checkpoints: folders with everything that training needs to resume, written atomically and with checksums."""

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from atlop.config import RunConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.files import atomic_folder, file_sha256, read_json, recover_all, sync
from atlop.json_values import typed
from atlop.random_states import RandomStates
from atlop.run_folder import Logged

logger = logging.getLogger(__name__)

_MODEL, _OPTIMIZER, _VALUES = "model.safetensors", "optimizer.safetensors", "state.json"
_AVERAGE = "average.safetensors"
_CHECKSUMS = "sha256.txt"
_DAMAGE = (OSError, SafetensorError, ValueError, TypeError, ArithmeticError, RuntimeError)
"""What reading a damaged checkpoint raises; `AtlopError` is among them."""


_Count = Annotated[int, Field(ge=0)]


@dataclass
class Progress:
    """How far training has got."""

    step: _Count = 0
    """Steps done."""
    epoch: _Count = 0
    """Epoch of the last step, from 0."""
    evaluated_step: _Count = 0
    """Step after which dev was last evaluated."""
    best: OfficialScores | None = None
    best_step: _Count | None = None
    """Step after which `best` was reached."""
    last: OfficialScores | None = None
    evaluations_since_best: _Count = 0
    skipped_steps: _Count = 0
    """Steps skipped because of a loss or gradient that was not finite."""
    seconds: float = 0.0
    """Training time, over all resumes."""

    def record_scores(self, scores: OfficialScores) -> bool:
        """Record the dev scores after the last step; return whether their F1 is the highest so far, or `None`."""
        self.evaluated_step, self.last = self.step, scores
        is_best = self.best is None or scores.f1 is None or scores.f1 > (self.best.f1 or 0.0)
        if is_best:
            self.best, self.best_step = scores, self.step
        self.evaluations_since_best = 0 if is_best else self.evaluations_since_best + 1
        return is_best


@dataclass(frozen=True)
class Values:
    """What a checkpoint holds besides tensors."""

    progress: Progress
    schedule: _Count
    """Steps of the learning rate schedule, which are not counted if they are skipped."""
    scaler: dict[str, int | float] | None
    random: Annotated[tuple[RandomStates, ...], Field(min_length=1)]
    """Of each process."""
    metrics: Logged
    config: RunConfig


@dataclass(frozen=True)
class Checkpoint:
    """The trained model's state dict, the optimizer's tensors, and everything else."""

    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    """Moving average of the weights; empty without `trainer.ema_decay`."""
    optimizer: Mapping[str, Tensor]
    values: Values


class Checkpoints:
    """The `checkpoints/` folder of a run: one subfolder per checkpoint, named by its step."""

    def __init__(self, folder: Path, *, keep: int):
        """Manage a folder, which `write` creates, that keeps the newest `keep` checkpoints."""
        self.folder, self._keep = folder, keep
        self.newest: Path | None = None
        """The checkpoint that was last written or read."""

    def write(self, checkpoint: Checkpoint, *, step: int) -> None:
        """Write a checkpoint, then remove those of later steps and the oldest.

        Raises:
            AtlopError: A weight is not finite; nothing is written.
        """
        for name, weight in checkpoint.weights.items():
            if weight.is_floating_point() and not weight.isfinite().all():
                raise AtlopError(f"step {step}: weight {name} is not finite; no checkpoint is written")
        path = self.folder / f"{step:08d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        with atomic_folder(path) as new:
            for name, weights in ((_MODEL, checkpoint.weights), (_AVERAGE, checkpoint.average)):
                if weights:
                    save_file({key: value.contiguous() for key, value in weights.items()}, new / name)
            save_file(dict(checkpoint.optimizer), new / _OPTIMIZER)
            (new / _VALUES).write_bytes(TypeAdapter(Values).dump_json(checkpoint.values))
            checksums = [f"{file_sha256(new / name)}  {name}\n" for name in _files(new)]
            (new / _CHECKSUMS).write_text("".join(checksums), encoding="utf-8")  # for `sha256sum --check`
        self.newest = path
        paths = self._paths()
        count = paths.index(path) + 1
        for outdated in (*paths[count:], *paths[:count][: -self._keep]):
            shutil.rmtree(outdated, ignore_errors=True)  # a file that is still read, on NFS; the next one tries again

    def read_newest(self, *, check: Callable[[Checkpoint], None]) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and that `check` does not refuse, `None` if there are none at all.

        Raises:
            AtlopError: All checkpoints are damaged.
        """
        recover_all(self.folder)
        damaged = []
        for path in reversed(self._paths()):
            try:
                return self._read(path, check=check)
            except _DAMAGE as error:
                damaged.append(f"{path}: damaged checkpoint: {error}")
                logger.warning("%s; trying the previous one", damaged[-1])
        if damaged:
            raise AtlopError("every checkpoint is damaged; remove them to start over:\n  " + "\n  ".join(damaged))
        return None

    def read_same(self, path: Path | None, *, check: Callable[[Checkpoint], None]) -> Checkpoint | None:
        """Return the checkpoint that another process chose, `None` if it found none.

        Raises:
            AtlopError: This process reads it otherwise, as on a network disk that is behind.
        """
        try:
            return None if path is None else self._read(path, check=check)
        except _DAMAGE as error:
            raise AtlopError(f"{path}: other processes read this checkpoint, but this one cannot: {error}") from None

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, path: Path, *, check: Callable[[Checkpoint], None]) -> Checkpoint:
        checkpoint = _read(path)
        check(checkpoint)
        self.newest = path
        return checkpoint

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint and verify its checksums."""
    lines = (path / _CHECKSUMS).read_text(encoding="utf-8").splitlines()
    for name in _files(path):
        if f"{file_sha256(path / name)}  {name}" not in lines:
            raise AtlopError(f"{name} does not match its checksum in {_CHECKSUMS}")
    values = typed(read_json(path / _VALUES), Values, where=_VALUES, advice="expected what training writes")
    average = load_file(path / _AVERAGE) if _AVERAGE in _files(path) else {}
    return Checkpoint(load_file(path / _MODEL), average, load_file(path / _OPTIMIZER), values)


def _files(checkpoint: Path) -> list[str]:
    """Return the names of a checkpoint's files; only the average may be missing."""
    return [_MODEL, _OPTIMIZER, _VALUES, *([_AVERAGE] if (checkpoint / _AVERAGE).exists() else [])]
