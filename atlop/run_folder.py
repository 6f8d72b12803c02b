"""The folder of a run: configuration, environment, metrics and summary; and checks before a run is resumed."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atlop import __version__
from atlop.config import RunConfig
from atlop.config_files import dump_config, flat_settings
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.files import one_writer, read_json, recover, sweep, sync, write_json, write_text
from atlop.json_values import typed
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
"""Settings that may change when a run is resumed; `trainer.sharded` changes later numbers by rounding."""


@dataclass(frozen=True)
class _Environment:
    """Required values of an environment."""

    run: str
    python: str
    code_sha256: str
    packages: dict[str, str]
    data_sha256: dict[str, str]


@dataclass(frozen=True)
class _Split:
    """Required values of a corpus file in a summary."""

    documents: int
    truncation: Truncation


@dataclass(frozen=True)
class _Summary:
    """Required values of a summary."""

    best: OfficialScores
    last: OfficialScores
    steps: int
    seconds: float
    train: _Split
    dev: _Split
    best_intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Logged:
    """Size and sha256 of the first metrics of a run."""

    bytes: int
    sha256: str


class RunFolder:
    """`config.toml`, `environment.json`, `metrics.jsonl`, `summary.json`, `best/`, `last/`, `checkpoints/` of a run."""

    def __init__(self, path: Path):
        """Store the path; `create` makes the folder."""
        self.path = path
        self.best = path / "best"
        self.last = path / "last"
        self.checkpoints = path / "checkpoints"
        self.config = path / "config.toml"
        self._environment = path / "environment.json"
        self._summary = path / "summary.json"
        self._metrics = path / "metrics.jsonl"

    @contextmanager
    def held(self, *, resume: bool, by_this_process: bool) -> Iterator[None]:
        """Keep other processes from writing the run, see `one_writer`; tidy a run to resume."""
        with one_writer(self.path, is_folder=True, by_this_process=by_this_process):
            if resume and by_this_process:
                self.tidy()
            yield

    def create(self, config: RunConfig, *, environment: Mapping[str, Any]) -> None:
        """Make the folder; write the environment, then the resolved configuration: without it, it is no run yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self._environment, environment)
        self.write_config(config)

    def write_config(self, config: RunConfig) -> None:
        """Write the resolved configuration."""
        write_text(self.config, dump_config(config))

    def tidy(self) -> None:
        """Remove temporary files and an incomplete `create`, left by a crash."""
        for folder in (self.path, self.best, self.last):
            sweep(folder)
        if not self.config.exists():
            self._environment.unlink(missing_ok=True)

    def environment(self) -> dict[str, Any]:
        """Return the environment that `create` wrote.

        Raises:
            AtlopError: The file is missing, or a value is missing or of another type.
        """
        found = read_json(self._environment)
        typed(found, _Environment, where=str(self._environment), advice="start another run, which writes its own")
        return {"git_commit": None, "machine": None, "began": None, **found}

    def recover(self) -> None:
        """Move model folders back if a crash interrupted their replacement."""
        recover(self.best)
        recover(self.last)

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def logged(self) -> Logged:
        """Flush the metrics to disk; return their size and sha256."""
        self._metrics.touch()
        sync(self._metrics)
        sync(self.path)
        return self._digest(self._metrics.stat().st_size)

    def holds(self, logged: Logged) -> bool:
        """Return whether the metrics start with those that `logged` described."""
        return self._metrics.exists() and self._digest(logged.bytes) == logged

    def cut_metrics(self, size: int) -> None:
        """Truncate the metrics to `size` bytes."""
        self._metrics.touch()
        os.truncate(self._metrics, size)

    def summarise(self, summary: Mapping[str, Any]) -> None:
        """Write the summary."""
        write_json(self._summary, summary)

    def summary(self) -> dict[str, Any] | None:
        """Return the summary, `None` before training has ended.

        Raises:
            AtlopError: A value is missing or of another type.
        """
        if not self._summary.exists():
            return None
        summary: dict[str, Any] = read_json(self._summary)
        typed(summary, _Summary, where=str(self._summary), advice="remove the file and train again")
        return summary

    def _digest(self, size: int) -> Logged:
        with self._metrics.open("rb") as file:
            data = file.read(size)
        return Logged(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def refuse_earlier_version(run: Path) -> None:
    """Refuse a run of version 0.1, whose files have other keys.

    Raises:
        AtlopError: The run was written by version 0.1.
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
    """Return `config` with the precision that the run began with if its own is `auto`."""
    if config.trainer.precision != "auto":
        return config
    trainer = config.trainer.model_copy(update={"precision": began.trainer.precision})
    return config.model_copy(update={"trainer": trainer})


def refuse_changed_config(run: Path, *, began: RunConfig, now: RunConfig) -> None:
    """Refuse to resume a run with settings that change its numbers.

    Raises:
        AtlopError: Settings differ, other than those in `CHANGEABLE`; each is named.
    """
    before, after = flat_settings(began), flat_settings(now)
    changed = [
        f"{key} was {before.get(key)!r}, now {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in CHANGEABLE
    ]
    if changed:
        raise AtlopError(
            f"{run}: cannot be resumed with another configuration: {'; '.join(changed)}. Restore these values, or "
            f"start another run with --output. What may change: {', '.join(CHANGEABLE)}"
        )


def refuse_changed_environment(run: Path, *, began: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to resume a run with other data or code; warn if the machine is another.

    Raises:
        AtlopError: Data, packages, Python or code have changed; each is named.
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
            f"{run}: cannot be resumed: {'; '.join(changed)}. Restore what the run began with "
            f"({run / 'environment.json'}), start another run with --output, or remove this one"
        )
    if began["machine"] != now["machine"]:
        logger.warning(
            "%s: resumed on another machine or with other threads; the last digits of numbers may differ", run
        )
