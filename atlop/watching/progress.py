"""Follow the files of a run: how far it is, its loss, its scores and its learning rates."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from atlop.config import RunConfig
from atlop.config_files import load_config
from atlop.errors import AtlopError
from atlop.files import current_writer, read_json
from atlop.json_values import typed
from atlop.run_metrics import Count, Metrics, MetricsFile, Seconds
from atlop.watching.state import state_of

T = TypeVar("T")
MAX_POINTS = 150
"""Points of a curve; more steps are taken together."""
DIGITS = 6
"""Significant digits of what is drawn."""


class _Plan(BaseModel):
    """What is read of a run's environment."""

    steps: Count | None = None


class _End(BaseModel):
    """What is read of a run's summary."""

    seconds: Seconds
    stopped_early: dict[str, int] | None = None


class RunProgress:
    """Reads a run's files again and again, and writes nothing."""

    def __init__(self, run: Path):
        """Remember the run.

        Raises:
            AtlopError: The folder holds no run, and none is about to begin there.
        """
        if not (run / "config.toml").is_file() and current_writer(run) is None:
            raise AtlopError(f"{run}: holds no run (no config.toml), and no process trains one there; check the path")
        self._run, self._reading = run, Lock()
        self._metrics = MetricsFile(run / "metrics.jsonl")

    def snapshot(self) -> dict[str, Any]:
        """Return what the page shows, as a JSON value; `problem` says which file cannot be read."""
        with self._reading:
            return self._snapshot()

    def _snapshot(self) -> dict[str, Any]:
        config, plan, end, problem = self._read_files()
        rows = self._metrics.rows
        step = max((row.step for row in rows), default=0)
        state = state_of(self._run, step=step, stopped_early=bool(end and end.stopped_early))
        epochs, per_epoch = config and config.trainer.epochs, _steps_per_epoch(rows)
        steps = plan.steps or (epochs * per_epoch if epochs and per_epoch else None)  # earlier versions wrote no steps
        if steps and per_epoch:
            epochs = steps // per_epoch
        seconds = end.seconds if end else max((row.seconds or 0.0 for row in rows), default=0.0)
        written = None
        with suppress(FileNotFoundError):
            written = self._metrics.path.stat().st_mtime
        return {
            "run": str(self._run),
            "state": state.name,
            "message": state.message,
            "problem": problem,
            "settings": _settings(config),
            "step": step,
            "steps": steps,
            "epoch": rows[-1].epoch + 1 if rows else 0,
            "epochs": epochs,
            "seconds": seconds,
            "seconds_left": _seconds_left(rows, steps=steps) if state.name in ("running", "elsewhere") else None,
            "written": written,
            "skipped_steps": len({row.step for row in rows if row.skipped}),
            "loss": _loss(rows),
            "rates": _rates(rows),
            "dev": [
                {"step": row.step, "epoch": row.epoch + 1, "seconds": row.seconds, **asdict(row.dev)}
                for row in {row.step: row for row in rows if row.dev is not None}.values()
                if row.dev is not None
            ],
        }

    def _read_files(self) -> tuple[RunConfig | None, _Plan, _End | None, str | None]:
        """Read the metrics that are new; return configuration, plan and end, if they are there, and what is damaged."""
        problems: list[str] = []

        def attempt(path: Path, read: Callable[[Path], T]) -> T | None:
            try:
                return read(path) if path.exists() else None
            except AtlopError as error:
                problems.append(str(error))
                return None

        def record(name: str, schema: type[T]) -> T | None:
            advice = "expected what training writes"
            return attempt(
                self._run / name, lambda path: typed(read_json(path), schema, where=str(path), advice=advice)
            )

        attempt(self._metrics.path, lambda _: self._metrics.read())
        config = attempt(self._run / "config.toml", lambda path: load_config(str(path)))
        plan = record("environment.json", _Plan) or _Plan()
        return config, plan, record("summary.json", _End), "; ".join(problems) or None


def _steps_per_epoch(rows: Sequence[Metrics]) -> int | None:
    """Return the steps of an epoch, after the first one."""
    return max((row.step for row in rows if row.epoch == 0), default=None) if rows and rows[-1].epoch else None


def _seconds_left(rows: Sequence[Metrics], *, steps: int | None) -> float | None:
    """Return how long the steps that are left take if they take as long as those so far, with their evaluations."""
    timed = [row for row in rows if row.seconds is not None]
    if steps is None or not timed or not timed[-1].step:
        return None
    last = timed[-1]
    assert last.seconds is not None
    return last.seconds / last.step * max(steps - max(row.step for row in rows), 0)


def _settings(config: RunConfig | None) -> dict[str, str]:
    """Return what tells one run from another."""
    if config is None:
        return {}
    trainer = config.trainer
    return {
        "encoder": Path(config.encoder.name).name,
        "train": str(config.data.train),
        "dev": str(config.data.dev),
        "objective": config.objective.name,
        "documents per step": str(trainer.batch_size * trainer.gradient_accumulation),
        "seed": str(trainer.seed),
    }


def _loss(rows: Sequence[Metrics]) -> dict[str, Any]:
    """Return the mean loss of equally many steps for each point but the first, with the lowest and the highest."""
    loss = {
        row.step: row.loss for row in rows if row.loss is not None
    }  # of a step that is there twice, the last counts
    steps, values = np.array(sorted(loss)), np.array([loss[step] for step in sorted(loss)])
    size = max(-(-len(steps) // MAX_POINTS), 1)
    if not len(steps):
        return {"steps_per_point": size, "step": [], "mean": [], "low": [], "high": []}
    starts = np.unique(np.maximum(np.arange(len(steps) % -size, len(steps), size), 0))
    ends = np.append(starts[1:], len(steps)) - 1
    counts = ends - starts + 1
    mean = np.add.reduceat(values / np.repeat(counts, counts), starts)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    curves = {"mean": mean, "low": low, "high": high}
    return {"steps_per_point": size, "step": steps[ends].tolist(), **{k: _short(v.tolist()) for k, v in curves.items()}}


def _rates(rows: Sequence[Metrics]) -> dict[str, Any]:
    """Return the learning rates of both groups at up to `MAX_POINTS` steps and the last one."""
    by_step: Mapping[int, Metrics] = {row.step: row for row in rows if row.encoder_learning_rate is not None}
    steps = sorted(by_step)
    size = max(-(-len(steps) // MAX_POINTS), 1)
    drawn = [by_step[step] for step in sorted({*steps[::size], *steps[-1:]})]
    return {
        "step": [row.step for row in drawn],
        "encoder": _short([row.encoder_learning_rate or 0.0 for row in drawn]),
        "new_layers": _short([row.new_layers_learning_rate or 0.0 for row in drawn]),
    }


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
