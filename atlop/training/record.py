"""The folder of a run: everything that tells later what was done and what came out."""

import hashlib
import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

import atlop
from atlop.config import RunConfig, dump_config
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.files import read_json, settle, sync, write_text
from atlop.json_values import expect, field
from atlop.preprocessing import Truncation
from atlop.secrets import command_without_secrets

_PACKAGES = ("atlop", "torch", "transformers", "tokenizers", "accelerate", "numpy", "safetensors")


@dataclass(frozen=True)
class _Split:
    """What a summary says of a corpus file, as far as others rely on it."""

    documents: int
    truncation: Truncation


@dataclass(frozen=True)
class _Summary:
    """What a summary holds, as far as others rely on it."""

    best: OfficialScores
    last: OfficialScores
    updates: int
    seconds: float
    dev: _Split


_SUMMARY = TypeAdapter(_Summary)


class RunFolder:
    """`config.toml`, `environment.json`, `metrics.jsonl`, `summary.json`, `best/`, `last/`, `checkpoints/` of a run."""

    def __init__(self, path: Path):
        """Keep the path; `create` makes the folder."""
        self.path = path
        self.best = path / "best"
        self.last = path / "last"
        self.checkpoints = path / "checkpoints"
        self.config = path / "config.toml"
        self._environment = path / "environment.json"
        self._summary = path / "summary.json"
        self._metrics = path / "metrics.jsonl"

    def create(self, config: RunConfig, *, environment: Mapping[str, Any]) -> None:
        """Make the folder and write what is known before the first update.

        Args:
            config: The resolved configuration. It is written last: a folder without it is no run yet.
            environment: What `environment` says.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self._environment, json.dumps(environment, indent=2) + "\n")
        self.write_config(config)

    def write_config(self, config: RunConfig) -> None:
        """Write the resolved configuration."""
        write_text(self.config, dump_config(config))

    def tidy(self) -> None:
        """Remove what a stop leaves of files that were being written, and of a `create` that was not done."""
        left = [
            temporary
            for path in (self.config, self._environment, self._summary)
            for temporary in self.path.glob(f".{path.name}.*")
        ]
        if not self.config.exists():
            left.append(self._environment)
        for path in left:
            path.unlink(missing_ok=True)

    def environment(self) -> dict[str, Any]:
        """Return what `create` wrote of the environment.

        Raises:
            AtlopError: The file is missing, or does not hold it.
        """
        where = str(self._environment)
        found = expect(read_json(self._environment), dict, where=where)
        for key in ("run", "python", "code_sha256"):
            field(found, key, str, where=where)
        for key in ("packages", "data_sha256"):
            for name, value in field(found, key, dict, where=where).items():
                expect(value, str, where=f'{where}, "{key}", "{name}"')
        return {"git_commit": None, "machine": None, **found}

    def settle(self) -> None:
        """Put the models in their places where a stop came while one was being replaced."""
        settle(self.best)
        settle(self.last)

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def logged(self) -> dict[str, Any]:
        """Return size and sha256 of the metrics so far, which outlive a power loss from now on."""
        self._metrics.touch()
        sync(self._metrics)
        sync(self.path)
        return self._described(self._metrics.stat().st_size)

    def holds(self, logged: Mapping[str, Any]) -> bool:
        """Return whether the metrics begin with those that `logged` described."""
        return self._metrics.exists() and self._described(logged["bytes"]) == logged

    def cut_metrics(self, size: int) -> None:
        """Leave the first `size` bytes of the metrics."""
        self._metrics.touch()
        os.truncate(self._metrics, size)

    def summarise(self, summary: Mapping[str, Any]) -> None:
        """Write what came out."""
        write_text(self._summary, json.dumps(summary, indent=2) + "\n")

    def summary(self) -> dict[str, Any] | None:
        """Return what came out, `None` where training has not ended.

        Raises:
            AtlopError: The file does not hold it.
        """
        if not self._summary.exists():
            return None
        summary: dict[str, Any] = read_json(self._summary)
        try:
            _SUMMARY.validate_json(json.dumps(summary), strict=True)  # so that no text passes for a number
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise AtlopError(
                f"{self._summary}: not the summary of a run: {place}: {first['msg']}; remove the file and train again"
            ) from None
        return summary

    def _described(self, size: int) -> dict[str, Any]:
        with self._metrics.open("rb") as file:
            data = file.read(size)
        return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def environment(*, data: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run depends on besides its configuration: versions, machine, code and data, and a name for it."""
    return {
        "run": secrets.token_hex(8),
        "command": command_without_secrets(sys.argv),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
        "git_commit": _git_commit(),
        "code_sha256": _code_sha256(),
        "data_sha256": dict(data),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _code_sha256() -> str:
    """Return a digest of all modules of the package, which tells changed code also where there is no git."""
    folder, digest = Path(atlop.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


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
