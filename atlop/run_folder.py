"""The folder of a run: everything that tells later what was done and what came out, and whether it may go on."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from atlop import __version__
from atlop.config import RunConfig
from atlop.config_files import dump_config, flat_settings
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.files import read_json, recover, sync, write_text
from atlop.json_values import expect, field
from atlop.preprocessing import Truncation

logger = logging.getLogger(__name__)

CHANGEABLE = (
    "trainer.checkpoint_interval",
    "trainer.checkpoint_minutes",
    "trainer.checkpoints_kept",
    "trainer.max_skipped_steps",
    "trainer.patience",
    "trainer.sharded",
    "tracking.wandb",
    "tracking.project",
)
"""Settings on which no number depends that is there already; `trainer.sharded` changes later ones by rounding."""


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
    steps: int
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
        """Make the folder and write what is known before the first step.

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
        left += [temporary for model_folder in (self.best, self.last) for temporary in model_folder.glob(".*")]
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

    def recover(self) -> None:
        """Put the models in their places where a stop came while one was being replaced."""
        recover(self.best)
        recover(self.last)

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


def refuse_earlier_version(run: Path) -> None:
    """Make sure that a run was not written by version 0.1, whose files have other keys.

    Raises:
        AtlopError: It was; its models can still be used.
    """
    environment = run / "environment.json"
    found = read_json(environment) if environment.is_file() else None
    packages = found.get("packages") if isinstance(found, dict) else None
    version = packages.get("atlop") if isinstance(packages, dict) else None
    if isinstance(version, str) and version.startswith("0.1."):
        raise AtlopError(
            f"{run}: written by atlop {version}, and atlop {__version__} reads only the models of such a run "
            f"({run / 'best'}); train again, or use atlop {version}"
        )


def keep_precision(began: RunConfig, config: RunConfig) -> RunConfig:
    """Return a configuration whose precision is what the run began with, where it leaves that open."""
    if config.trainer.precision != "auto":
        return config
    trainer = config.trainer.model_copy(update={"precision": began.trainer.precision})
    return config.model_copy(update={"trainer": trainer})


def refuse_changed_config(run: Path, *, began: RunConfig, now: RunConfig) -> None:
    """Make sure that a run goes on with the configuration that it began with.

    Args:
        run: The run's folder, for the message.
        began: The configuration that it began with.
        now: The one that it is to go on with.

    Raises:
        AtlopError: A setting differs that decides on numbers; each is named.
    """
    before, after = flat_settings(began), flat_settings(now)
    changed = [
        f"{key} was {before.get(key)!r}, now {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in CHANGEABLE
    ]
    if changed:
        raise AtlopError(
            f"{run}: cannot go on with another configuration: {'; '.join(changed)}. Give these settings back their "
            f"values, or begin another run with --output. What may change: {', '.join(CHANGEABLE)}"
        )


def refuse_changed_environment(run: Path, *, began: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Make sure that a run goes on with the data and the code that it began with; warn where the machine is another.

    Args:
        run: The run's folder, for the message.
        began: What `environment` returned then.
        now: What it returns now.

    Raises:
        AtlopError: A file or the code has changed; each is named.
    """
    changed = [
        f"{path} has changed"
        for path, digest in began["data_sha256"].items()
        if now["data_sha256"].get(path, digest) != digest
    ]
    packages = now["packages"]
    changed += [
        f"{name} was {version}, now {packages.get(name)}"
        for name, version in began["packages"].items()
        if packages.get(name) != version
    ]
    if began["python"] != now["python"]:
        changed.append(f"Python was {began['python']}, now {now['python']}")
    if began["code_sha256"] != now["code_sha256"]:
        commit = f" (git commit then: {began['git_commit']})" if began["git_commit"] else ""
        changed.append(f"the code of atlop has changed{commit}")
    if changed:
        raise AtlopError(
            f"{run}: cannot go on as it began: {'; '.join(changed)}. Bring back what the run began with "
            f"({run / 'environment.json'}), or begin another with --output"
        )
    if began["machine"] != now["machine"]:
        logger.warning("%s: goes on with another machine or number of threads; numbers may differ in last digits", run)
