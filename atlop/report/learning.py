"""Picture of the loss and dev scores over the steps of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from pydantic import Field

from atlop.config import MAX_INTEGER
from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import typed
from atlop.report.drawing import BLUE, GREY, HEIGHT, ORANGE, picture
from atlop.run_folder import refuse_earlier_version

SMOOTHING = 50
"""The moving mean of the loss spans 1 / 50 of all steps."""


_Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class DevScores:
    """Scores on dev, from 0 to 1."""

    f1: _Finite | None
    ign_f1: _Finite | None


@dataclass(frozen=True)
class Metrics:
    """What is drawn of a line of `metrics.jsonl`: a step with its loss unless it was skipped, or an evaluation."""

    step: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    loss: _Finite | None = None
    dev: DevScores | None = None


def read_metrics(path: Path) -> list[Metrics]:
    """Read a run's `metrics.jsonl`, without a last line that is still being written.

    Raises:
        AtlopError: The file is missing, damaged or of version 0.1, or has no steps yet.
    """
    refuse_earlier_version(path.parent)
    rows: list[Metrics] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.endswith(b"\n"):
            break
        where, advice = f"{path}, line {number}", "expected the metrics of a step, as training writes them"
        rows.append(typed(parse_json_object(line, expected=advice, where=where), Metrics, where=where, advice=advice))
    if not any(row.loss is not None for row in rows):
        raise AtlopError(f"{path}: holds no step yet; wait until the run has logged some")
    return rows


def learning_picture(metrics: Sequence[Metrics]) -> Figure:
    """Draw the loss of each step and its moving mean and, if dev was scored, F1 and Ign F1.

    Args:
        metrics: Rows of `metrics.jsonl`; a step that is there twice, as after a crash, counts by its last row.
    """
    loss = {row.step: row.loss for row in metrics if row.loss is not None}
    dev = {row.step: row.dev for row in metrics if row.dev is not None}
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
        if f1 := {step: 100 * scores.f1 for step, scores in sorted(dev.items()) if scores.f1 is not None}:
            best = max(f1, key=lambda step: f1[step])
            axes[1].plot(list(f1), [*f1.values()], color=BLUE, marker="o", label="F1")
            if ign_f1 := {step: 100 * score for step in f1 if (score := dev[step].ign_f1) is not None}:
                axes[1].plot(list(ign_f1), [*ign_f1.values()], color=ORANGE, marker="s", linestyle="--", label="Ign F1")
            axes[1].annotate(
                f"best F1: {f1[best]:.2f}",
                (best, f1[best]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="right",
            )
            axes[1].margins(y=0.2)
            axes[1].set_ylabel("dev score (%)")
            axes[1].legend(loc="lower right")
        axes[-1].set_xlabel("step")
    return figure
