"""Kill a short training at random moments, resume it, and compare what it ends with to an uninterrupted one.

A moment is a time or, in every other trial, a file operation of the run: so that kills fall between any two of them. In
a third of the trials the resumed training is killed as well. Each training is a process of its own, forked from one
that has everything imported.

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
    parser.add_argument("--encoder", help="folder of an encoder; without it, a random one of two narrow layers")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--output", type=Path, default=Path("runs/crash_matrix"), help="folder for all that is written")
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
        folder: Made anew.
        trials: How many trainings are killed.
        seed: Of the moments.
        encoder: Folder of the encoder; `None` makes a tiny one with dropout.
        precision: Number format of training.

    Returns:
        Counts, and what each trial did.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["ATLOP_CACHE"] = str(folder / "cache")
    config = short_training(
        folder, encoder=encoder or save_tiny_encoder(folder / "encoder", dropout=0.1), precision=precision
    )
    reference = folder / "uninterrupted"
    finish(config, reference)  # fills the cache, so that trials take equally long
    shutil.rmtree(reference)
    operations, seconds = finish(config, reference)
    expected = evidence(reference)
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for trial in range(trials):
        run = folder / "trial"
        moments = [
            draw.uniform(0, seconds) if trial % 2 else draw.randint(1, operations)
            for _ in range(1 if draw.random() < 2 / 3 else 2)
        ]
        kills = [kill_at(config, run, moment) for moment in moments]
        finish(config, run)
        found = evidence(run)
        differing = sorted(key for key in expected | found if expected.get(key) != found.get(key))
        rows.append({"trial": trial, "kills": kills, "differing": differing})
        print(f"trial {trial}: {kills}: {differing or 'identical'}", file=sys.stderr, flush=True)
        if differing:
            run.rename(folder / f"trial_{trial}")  # kept, to be looked at
        else:
            shutil.rmtree(run)
    reached = [kill for row in rows for kill in row["kills"] if kill["killed"]]
    outcome = {
        "seed": seed,
        "precision": precision,
        "encoder": encoder or "tiny",
        "steps": expected["summary"]["steps"],
        "seconds_uninterrupted": seconds,
        "file_operations": operations,
        "identical": sum(not row["differing"] for row in rows),
        "kills": len(reached),
        "killed_at": dict(Counter(kill["left"] for kill in reached)),
        "trials": rows,
    }
    write_text(folder / "crash_matrix.json", json.dumps(outcome, indent=1) + "\n")
    return outcome


def short_training(folder: Path, *, encoder: str, precision: Precision) -> RunConfig:
    """Write a small part of the sample corpus; return a configuration that trains on it with all that can go wrong."""
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
    """Begin or resume a training, let it end and predict; return its file operations and seconds."""
    counted, started = run.with_name("counted.json"), time.monotonic()

    def at_end(operations: int) -> None:
        write_text(counted, json.dumps([operations, time.monotonic() - started]))
        predict(config, run)

    process = forked(config, run, at_end=at_end)
    _, status = os.waitpid(process, 0)
    if status:
        raise SystemExit(f"{run}: the training failed; see {log_of(run)}")
    operations, seconds = read_json(counted)
    return operations, seconds


def kill_at(config: RunConfig, run: Path, moment: float | int) -> dict[str, Any]:
    """Begin or resume a training and kill it after some seconds (float) or before a file operation (int)."""
    process = forked(config, run, last_operation=moment if isinstance(moment, int) else None)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and status:
        raise SystemExit(f"{run}: the training failed; see {log_of(run)}")
    return {"moment": moment, "killed": killed, "left": left(run)}


def left(run: Path) -> str:
    """Say how far a killed training had come."""
    if (run / "summary.json").exists():
        return "after training"
    if not (run / "config.toml").exists():
        return "before it began"
    names = {path.name for path in [*run.glob(".*"), *run.glob("checkpoints/.*")]}
    if names:
        return "while files were written"
    return "between steps" if any(run.glob("checkpoints/*")) else "before the first checkpoint"


def forked(
    config: RunConfig,
    run: Path,
    *,
    last_operation: int | None = None,
    at_end: Callable[[int], None] = lambda operations: None,
) -> int:
    """Train in a new process, and return its id.

    Args:
        config: What is trained.
        run: The run's folder; the training is resumed where it holds one.
        last_operation: The file operation at which the process kills itself.
        at_end: Called in the process with the number of file operations.
    """
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        log = os.open(log_of(run), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
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


def log_of(run: Path) -> Path:
    """Return where a training's messages go."""
    return run.with_name(f"{run.name}.log")


def predict(config: RunConfig, run: Path) -> None:
    """Write `result.json` of the best model."""
    try:
        run_command(["predict", str(run), str(config.data.dev), "--output", str(run / "result.json")])
    except SystemExit as end:
        if end.code:
            raise


def evidence(run: Path) -> dict[str, Any]:
    """Return all of a run that must not depend on whether it was killed."""
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
