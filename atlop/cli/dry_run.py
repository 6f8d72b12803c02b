"""What `--dry-run` prints: what a training or an experiment would take."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atlop.cli.session import print_result, quiet_libraries
from atlop.cli.text import GAP, Row, grid, terminal_width
from atlop.config import RunConfig
from atlop.corpora import data_files, require_files
from atlop.errors import AtlopError
from atlop.files import exists, is_remote

if TYPE_CHECKING:
    from atlop.estimates import TrainingEstimate
    from atlop.experiments import RunEstimate

NOTE = "Estimated from one step on this machine; programs that run beside it slow it down."


def dry_run_training(config: RunConfig, *, name: str, device: str | None, as_json: bool) -> None:
    """Print the files of a training and, if all are there, its size and estimated cost.

    Raises:
        AtlopError: A file is missing, after all are listed; or the training could not begin.
    """
    files = data_files(config.data)
    estimate, problem = None, None
    try:
        require_files(config.data)
        with quiet_libraries(model=config.encoder.name, kind="encoder"):
            from atlop.estimates import estimate_training

            estimate = estimate_training(config, device=device)
    except AtlopError as error:
        problem = error
    print_result(
        {
            "config": name,
            "files": {key: {"path": path, "exists": exists(path)} for key, path in files.items()},
            "encoder": config.encoder.name,
            "estimate": estimate and asdict(estimate),
        },
        as_json=as_json,
        heading=f"{name}: nothing is trained or written, except for preprocessed files in the cache",
        rows=[
            *((key, _size(path), str(path)) for key, path in files.items()),
            ("encoder.name", "", config.encoder.name),
            *(_estimate_rows(estimate, config=config) if estimate else []),
        ],
        blocks=[textwrap.fill(NOTE, terminal_width())] if estimate else [],
    )
    if problem is not None:
        raise problem


def print_runs(title: str, runs: "Sequence[RunEstimate]", *, folder: Path, as_json: bool) -> None:
    """Print the runs of an experiment, and the cost of those that are not trained yet."""
    left = [run.estimate for run in runs if run.estimate]
    seconds, steps = sum(each.seconds for each in left), sum(each.steps for each in left)
    rows = [
        [run.name, run.state, *([f"{run.estimate.steps:,}", _time(run.estimate.seconds)] if run.estimate else [])]
        for run in runs
    ]
    total = f"{len(left)} of {len(runs)} runs are left: {steps:,} steps, {_time(seconds)} one after the other"
    memory = f", {max(each.memory for each in left) / 1e9:.1f} GB of memory" if left else ""
    print_result(
        {"output": folder, "runs": [asdict(run) for run in runs], "steps": steps, "seconds": seconds},
        as_json=as_json,
        heading=f"{title}: {len(runs)} runs",
        blocks=[
            grid(["run", "state", "steps", "time"], rows, drop=["steps", "time"], whole_labels=True),
            f"{total}{memory}",
            *([textwrap.fill(NOTE, terminal_width())] if left else []),
        ],
    )


def _estimate_rows(estimate: "TrainingEstimate", *, config: RunConfig) -> list[Row]:
    trainer = config.trainer
    per_step = trainer.batch_size * trainer.gradient_accumulation
    return [
        GAP,
        ("train documents", f"{estimate.train_documents:,}"),
        ("dev documents", f"{estimate.dev_documents:,}"),
        ("steps", f"{estimate.steps:,}", f"{estimate.epochs:,} epochs, {per_step} documents a step"),
        ("evaluations", f"{estimate.evaluations:,}"),
        GAP,
        ("device", estimate.device),
        ("precision", estimate.precision),
        ("memory", f"{estimate.memory / 1e9:.1f} GB", "peak, in a step on the longest documents"),
        ("seconds a step", f"{estimate.step_seconds:.2f}"),
        ("time", _time(estimate.seconds), "with evaluations"),
    ]


def _size(path: Path) -> str:
    if not exists(path):
        return "missing"
    if is_remote(path):
        return "remote"
    size = path.stat().st_size
    return "folder" if path.is_dir() else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"
