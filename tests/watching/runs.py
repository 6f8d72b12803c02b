"""Folders of runs in every state, made by hand."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CONFIG = """
[encoder]
name = "bert-base-cased"

[data]
train = "train.json"
dev = "dev.json"

[trainer]
epochs = 4
"""


def row(number: int, *, per_epoch: int = 10) -> dict[str, Any]:
    """Return the metrics of a step that takes half a second."""
    return {
        "step": number,
        "epoch": (number - 1) // per_epoch,
        "loss": 4 / number,
        "gradient_norm": 1.0,
        "encoder_learning_rate": 2e-5 * (1 - number / 40),
        "new_layers_learning_rate": 1e-4 * (1 - number / 40),
        "seconds": number / 2,
    }


def evaluation(number: int, f1: float) -> dict[str, Any]:
    """Return the metrics of an evaluation after a step."""
    scores = {"f1": f1, "ign_f1": f1 - 0.01, "precision": f1, "recall": f1}
    return {"step": number, "epoch": (number - 1) // 10, "seconds": number / 2, "dev": scores}


def write_run(folder: Path, rows: Iterable[dict[str, Any]], *, steps: int | None = 40, checkpoint: int = 0) -> Path:
    """Write a run that nobody trains; `steps` of its environment, `None` as versions before 0.2 left it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps({} if steps is None else {"steps": steps}), encoding="utf-8")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    if checkpoint:
        (folder / "checkpoints" / f"{checkpoint:08d}").mkdir(parents=True)
    return folder


def finish(run: Path, *, stopped_early: dict[str, int] | None = None) -> None:
    """Write a summary."""
    summary = {"steps": 40, "seconds": 25.0, "stopped_early": stopped_early, "best": {}}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


LEARNED = [*map(row, range(1, 11)), evaluation(10, 0.25), *map(row, range(11, 21)), evaluation(20, 0.5)]
"""Two epochs of four."""
