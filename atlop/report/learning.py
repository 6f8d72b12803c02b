"""Picture of the loss and dev scores over the steps of a run."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.parsing import json_value
from atlop.report.drawing import BLUE, GREY, HEIGHT, ORANGE, picture
from atlop.run_folder import refuse_earlier_version

SMOOTHING = 50
"""The moving mean of the loss spans 1 / 50 of all steps."""


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read a run's `metrics.jsonl`, without a last line that is still being written.

    Raises:
        AtlopError: The file is missing, damaged or of version 0.1, or has no steps yet.
    """
    refuse_earlier_version(path.parent)
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            row = json_value(line.decode(), where=str(path))
            rows.append({"step": int(row["step"]), **row})
        except (ValueError, KeyError, TypeError):
            raise AtlopError(
                f"{path}, line {number}: expected the metrics of a step, as training writes them"
            ) from None
    if not any("loss" in row for row in rows):
        raise AtlopError(f"{path}: holds no step yet; wait until the run has logged some")
    return rows


def learning_picture(metrics: list[dict[str, Any]]) -> Figure:
    """Draw the loss of each step and its moving mean and, if dev was scored, F1 and Ign F1.

    Args:
        metrics: Rows of `metrics.jsonl`; a step that is there twice, as after a crash, counts by its last row.
    """
    loss = {row["step"]: row["loss"] for row in metrics if "loss" in row}
    dev = {row["step"]: row["dev"] for row in metrics if "dev" in row}
    with picture(panels=2 if dev else 1, height=HEIGHT * (1.4 if dev else 1)) as (figure, axes):
        steps, losses = np.array(sorted(loss)), np.array([loss[step] for step in sorted(loss)])
        window = max(len(losses) // SMOOTHING, 1)
        axes[0].plot(steps, losses, color=GREY, alpha=0.35, linewidth=0.5, label="each step")
        mean = np.convolve(losses, np.full(window, 1 / window), mode="valid")
        axes[0].plot(steps[window - 1 :], mean, color=BLUE, label=f"mean of {window:,} steps")
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes[0].set_ylabel("loss (nats per pair)")
        axes[0].legend()
        if scored := sorted(step for step, scores in dev.items() if scores["f1"] is not None):
            best = max(scored, key=lambda step: dev[step]["f1"])
            axes[1].plot(scored, [100 * dev[step]["f1"] for step in scored], color=BLUE, marker="o", label="F1")
            if dev[best].get("ign_f1") is not None:
                ign = [100 * dev[step]["ign_f1"] for step in scored]
                axes[1].plot(scored, ign, color=ORANGE, marker="s", linestyle="--", label="Ign F1")
            axes[1].annotate(
                f"best F1: {100 * dev[best]['f1']:.2f}",
                (best, 100 * dev[best]["f1"]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="right",
            )
            axes[1].margins(y=0.2)
            axes[1].set_ylabel("dev score (%)")
            axes[1].legend(loc="lower right")
        axes[-1].set_xlabel("step")
    return figure
