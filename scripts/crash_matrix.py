"""Kill a short training at random moments, resume it, and compare its results with those of an uninterrupted one.

Trials alternate between kills after a random time and before a random file operation of the run. In a third of the
trials the resumed training is killed too. Each training is a separate process, forked after all imports.

Example: python scripts/crash_matrix.py --trials 100 --output runs/crash_matrix
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/tiny_encoders.py makes the encoder
os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from atlop.cli import main as run_command
from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    OptimizerConfig,
    Precision,
    RunConfig,
    TrainerConfig,
)
from atlop.files import file_sha256, read_json, write_text
from atlop.training import train
from tests.tiny_encoders import save_tiny_encoder

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
FILE_OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", help="folder of an encoder; by default a random one with two narrow layers")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--output", type=Path, default=Path("runs/crash_matrix"), help="folder for all output")
    options = parser.parse_args()
    outcome = crash_matrix(
        options.output,
        trials=options.trials,
        seed=options.seed,
        encoder=options.encoder,
        precision=options.precision,
    )
    print(json.dumps({key: value for key, value in outcome.items() if key != "trials"}, indent=1))
    sys.exit(outcome["identical"] != options.trials)


def crash_matrix(folder: Path, *, trials: int, seed: int, encoder: str | None, precision: Precision) -> dict[str, Any]:
    """Run all trials and write `crash_matrix.json`.

    Args:
        folder: Output folder; an existing one is replaced.
        trials: Number of trainings to kill.
        seed: Seed of the random moments.
        encoder: Folder of the encoder; `None` creates a tiny one with dropout.
        precision: Number format of training.

    Returns:
        Counts, and the outcome of each trial.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["ATLOP_CACHE"] = str(folder / "cache")
    config = short_training(
        folder, encoder=encoder or save_tiny_encoder(folder / "encoder", dropout=0.1), precision=precision
    )
    reference = folder / "uninterrupted"
    finish(config, reference)  # fills the cache, so that all trainings take equally long
    shutil.rmtree(reference)
    operations, seconds = finish(config, reference)
    expected = results_of(reference)
    generator = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for trial in range(trials):
        run = folder / "trial"
        moments = [
            generator.uniform(0, seconds) if trial % 2 else generator.randint(1, operations)
            for _ in range(1 if generator.random() < 2 / 3 else 2)
        ]
        attempts = [kill_at(config, run, moment) for moment in moments]
        finish(config, run)
        found = results_of(run)
        differing = sorted(key for key in expected | found if expected.get(key) != found.get(key))
        rows.append({"trial": trial, "kills": attempts, "differing": differing})
        print(f"trial {trial}: {attempts}: {differing or 'identical'}", file=sys.stderr, flush=True)
        if differing:
            run.rename(folder / f"trial_{trial}")  # for inspection
        else:
            shutil.rmtree(run)
    kills = [kill for row in rows for kill in row["kills"] if kill["killed"]]
    outcome = {
        "seed": seed,
        "precision": precision,
        "encoder": encoder or "tiny",
        "steps": expected["summary"]["steps"],
        "seconds_uninterrupted": seconds,
        "file_operations": operations,
        "identical": sum(not row["differing"] for row in rows),
        "kills": len(kills),
        "killed_at": dict(Counter(kill["left"] for kill in kills)),
        "trials": rows,
    }
    write_text(folder / "crash_matrix.json", json.dumps(outcome, indent=1) + "\n")
    return outcome


def short_training(folder: Path, *, encoder: str, precision: Precision) -> RunConfig:
    """Write a small part of the sample corpus; return a configuration that trains on it."""
    for name, count in (("train", 14), ("dev", 4)):
        shortest = sorted(read_json(SAMPLE / f"{name}.json"), key=lambda row: sum(map(len, row["sents"])))
        write_text(folder / f"{name}.json", json.dumps(shortest[:count]))
    return RunConfig(
        data=DataConfig(train=folder / "train.json", dev=folder / "dev.json", relations=SAMPLE / "rel2id.json"),
        encoder=EncoderConfig(name=encoder),
        classifier=ClassifierConfig(representation_size=64, block_size=16),
        optimizer=OptimizerConfig(encoder_learning_rate=1e-3, new_layers_learning_rate=1e-2),
        trainer=TrainerConfig(
            epochs=3, batch_size=2, gradient_accumulation=2, precision=precision, checkpoint_interval=3,
        ),
    )  # fmt: skip


def finish(config: RunConfig, run: Path) -> tuple[int, float]:
    """Start or resume a training, let it finish and predict; return its file operations and seconds."""
    counts, started = run.with_name("counts.json"), time.monotonic()

    def at_end(operations: int) -> None:
        write_text(counts, json.dumps([operations, time.monotonic() - started]))
        predict(config, run)

    process = fork_training(config, run, at_end=at_end)
    _, status = os.waitpid(process, 0)
    if status:
        raise SystemExit(f"{run}: the training failed; see {log_path(run)}")
    operations, seconds = read_json(counts)
    return operations, seconds


def kill_at(config: RunConfig, run: Path, moment: float | int) -> dict[str, Any]:
    """Start or resume a training and kill it after some seconds (float) or before a file operation (int)."""
    process = fork_training(config, run, last_operation=moment if isinstance(moment, int) else None)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and status:
        raise SystemExit(f"{run}: the training failed; see {log_path(run)}")
    return {"moment": moment, "killed": killed, "left": stage_of(run)}


def stage_of(run: Path) -> str:
    """Return how far a killed training got."""
    if (run / "summary.json").exists():
        return "after training"
    if not (run / "config.toml").exists():
        return "before it began"
    names = {path.name for path in [*run.glob(".*"), *run.glob("checkpoints/.*")]}
    if names:
        return "while files were written"
    return "between steps" if any(run.glob("checkpoints/*")) else "before the first checkpoint"


def fork_training(
    config: RunConfig,
    run: Path,
    *,
    last_operation: int | None = None,
    at_end: Callable[[int], None] = lambda operations: None,
) -> int:
    """Train in a new process and return its id.

    Args:
        config: The run's configuration.
        run: The run's folder; an existing run is resumed.
        last_operation: Number of the file operation before which the process kills itself.
        at_end: Called in the process with its number of file operations.
    """
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        log = os.open(log_path(run), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        operations = 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal operations
            if event in FILE_OPERATIONS and (event != "open" or str(run) in str(arguments[0])):
                operations += 1
                if operations == last_operation:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        train(config, output=run, resume=True, show_progress=False)
        at_end(operations)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def log_path(run: Path) -> Path:
    """Return the path of a training's log."""
    return run.with_name(f"{run.name}.log")


def predict(config: RunConfig, run: Path) -> None:
    """Write the best model's `result.json`."""
    try:
        run_command(["predict", str(run), str(config.data.dev), "--output", str(run / "result.json")])
    except SystemExit as end:
        if end.code:
            raise


def results_of(run: Path) -> dict[str, Any]:
    """Return everything about a run that must not depend on kills."""
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    summary = read_json(run / "summary.json")
    return {
        "files": sorted(str(path.relative_to(run)) for path in run.rglob("*")),
        "config": file_sha256(run / "config.toml"),
        "metrics": [{key: value for key, value in line.items() if key != "seconds"} for line in metrics],
        "summary": {key: value for key, value in summary.items() if key != "seconds"},
        "result": file_sha256(run / "result.json"),
        **{name: file_sha256(run / name) for name in ("best", "last")},
    }


if __name__ == "__main__":
    main()
