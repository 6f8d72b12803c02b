"""The folder of a run: everything that tells later what was done and what came out."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from atlop.config import RunConfig, dump_config
from atlop.files import write_text

_PACKAGES = ("atlop", "torch", "transformers", "tokenizers", "accelerate", "numpy", "safetensors")


class RunFolder:
    """`config.toml`, `environment.json`, `metrics.jsonl`, `summary.json`, `best/` and `last/` of one run."""

    def __init__(self, path: Path):
        """Keep the path; `create` makes the folder."""
        self.path = path
        self.best = path / "best"
        self.last = path / "last"
        self._metrics = path / "metrics.jsonl"

    def create(self, config: RunConfig, *, data: Mapping[str, str]) -> None:
        """Make the folder and write what is known before the first update.

        Args:
            config: The resolved configuration.
            data: sha256 of each file that the run reads, by path.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "config.toml", dump_config(config))
        write_text(self.path / "environment.json", json.dumps(environment(data=data), indent=2) + "\n")

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def summarise(self, summary: Mapping[str, Any]) -> None:
        """Write what came out."""
        write_text(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")


def environment(*, data: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run depends on besides its configuration: versions, machine, commit and data."""
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
        "git_commit": _git_commit(),
        "data_sha256": dict(data),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _git_commit() -> str | None:
    """Return the commit of the clone that the package runs from, with `-dirty` where it was changed."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None
