"""Checkpoints: folders that hold all that training needs to go on, written whole, with sums that prove it."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from atlop.errors import AtlopError
from atlop.files import atomic_folder, file_sha256, recover, sync

logger = logging.getLogger(__name__)

_MODEL, _OPTIMIZER, _VALUES = "model.safetensors", "optimizer.safetensors", "state.json"
_CHECKSUMS, _FORMAT = "sha256.txt", 2


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: state dict of the model, tensors of the optimizer, and all else, as JSON has it."""

    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    values: Mapping[str, Any]


class Checkpoints:
    """`checkpoints/` of a run: a folder for each, named by the steps done."""

    def __init__(self, folder: Path, *, keep: int):
        """Keep the path, which `write` makes, and how many of the newest are kept."""
        self.folder, self._keep = folder, keep
        self.newest: Path | None = None
        """The one that was written or read last."""

    def write(self, checkpoint: Checkpoint, *, step: int) -> None:
        """Write a checkpoint of the steps done, then remove the oldest and whatever lies there of later steps.

        Raises:
            AtlopError: A weight is not finite; nothing is written.
        """
        for name, weight in checkpoint.weights.items():
            if weight.is_floating_point() and not weight.isfinite().all():
                raise AtlopError(f"step {step}: weight {name} is not finite; no checkpoint is written of it")
        path = self.folder / f"{step:08d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        with atomic_folder(path) as new:
            save_file({name: value.contiguous() for name, value in checkpoint.weights.items()}, new / _MODEL)
            save_file(dict(checkpoint.optimizer), new / _OPTIMIZER)
            values = {"format": _FORMAT, **checkpoint.values}
            (new / _VALUES).write_text(json.dumps(values) + "\n", encoding="utf-8")
            sums = [f"{file_sha256(new / name)}  {name}\n" for name in (_MODEL, _OPTIMIZER, _VALUES)]
            (new / _CHECKSUMS).write_text("".join(sums), encoding="utf-8")  # as `sha256sum --check` reads it
        self.newest = path
        present = self._paths()
        for other in (*present[present.index(path) + 1 :], *present[: present.index(path) + 1][: -self._keep]):
            shutil.rmtree(other)

    def read_newest(self, *, is_usable: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """Return the newest checkpoint that is whole and whose metrics are there, `None` where there is none at all.

        Raises:
            AtlopError: There are checkpoints, but all are damaged.
        """
        for left in self.folder.glob(".*.old"):
            recover(left.with_name(left.name[1:].removesuffix(".old")))
        damaged = []
        for path in reversed(self._paths()):
            try:
                checkpoint = _read(path)
                if is_usable(checkpoint):
                    self.newest = path
                    return checkpoint
                found = "metrics.jsonl has not the lines that had been written then"
            except (AtlopError, OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
                found = str(error)
            damaged.append(f"{path}: damaged checkpoint: {found}")
            logger.warning("%s; looking for the one before", damaged[-1])
        if damaged:
            raise AtlopError(
                "no checkpoint is whole; to begin the run again, remove its checkpoints:\n  " + "\n  ".join(damaged)
            )
        return None

    def remove(self) -> None:
        """Remove all of them, when training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint of which every sum is right; raises where one is not."""
    lines = (path / _CHECKSUMS).read_text(encoding="utf-8").splitlines()
    for name in (_MODEL, _OPTIMIZER, _VALUES):
        if f"{file_sha256(path / name)}  {name}" not in lines:
            raise AtlopError(f"{name} is not what {_CHECKSUMS} says")
    values = json.loads((path / _VALUES).read_text(encoding="utf-8"))
    if values["format"] != _FORMAT:
        raise AtlopError(f"format {values['format']}; this version reads {_FORMAT}")
    return Checkpoint(load_file(path / _MODEL), load_file(path / _OPTIMIZER), values)
