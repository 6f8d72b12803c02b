"""Checkpoints: folders with everything that training needs to resume, written atomically and with checksums."""

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
from atlop.files import atomic_folder, file_sha256, recover_all, sync

logger = logging.getLogger(__name__)

_MODEL, _OPTIMIZER, _VALUES = "model.safetensors", "optimizer.safetensors", "state.json"
_CHECKSUMS, _FORMAT = "sha256.txt", 2


@dataclass(frozen=True)
class Checkpoint:
    """The model's state dict, the optimizer's tensors, and everything else as JSON values."""

    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    values: Mapping[str, Any]


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
            save_file({name: value.contiguous() for name, value in checkpoint.weights.items()}, new / _MODEL)
            save_file(dict(checkpoint.optimizer), new / _OPTIMIZER)
            values = {"format": _FORMAT, **checkpoint.values}
            (new / _VALUES).write_text(json.dumps(values) + "\n", encoding="utf-8")
            checksums = [f"{file_sha256(new / name)}  {name}\n" for name in (_MODEL, _OPTIMIZER, _VALUES)]
            (new / _CHECKSUMS).write_text("".join(checksums), encoding="utf-8")  # for `sha256sum --check`
        self.newest = path
        paths = self._paths()
        count = paths.index(path) + 1
        for outdated in (*paths[count:], *paths[:count][: -self._keep]):
            shutil.rmtree(outdated)

    def read_newest(self, *, is_usable: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """Return the newest usable checkpoint, `None` if there are none at all.

        Raises:
            AtlopError: All checkpoints are damaged.
        """
        recover_all(self.folder)
        damaged = []
        for path in reversed(self._paths()):
            try:
                checkpoint = _read(path)
                if is_usable(checkpoint):
                    self.newest = path
                    return checkpoint
                problem = "metrics.jsonl lacks lines that were written before it"
            except (AtlopError, OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
                problem = str(error)
            damaged.append(f"{path}: damaged checkpoint: {problem}")
            logger.warning("%s; trying the previous one", damaged[-1])
        if damaged:
            raise AtlopError("every checkpoint is damaged; remove them to start over:\n  " + "\n  ".join(damaged))
        return None

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint and verify its checksums."""
    lines = (path / _CHECKSUMS).read_text(encoding="utf-8").splitlines()
    for name in (_MODEL, _OPTIMIZER, _VALUES):
        if f"{file_sha256(path / name)}  {name}" not in lines:
            raise AtlopError(f"{name} does not match its checksum in {_CHECKSUMS}")
    values = json.loads((path / _VALUES).read_text(encoding="utf-8"))
    if values["format"] != _FORMAT:
        raise AtlopError(f"format {values['format']}; this version reads {_FORMAT}")
    return Checkpoint(load_file(path / _MODEL), load_file(path / _OPTIMIZER), values)
