"""Picture of the loss and dev scores over the steps of a run, or of several that differ in their seed."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlop.report.drawing import BLUE, GREY, HEIGHT, INK, ORANGE, add_legend, log_axis, picture, step_axis
from atlop.run_metrics import Metrics

SMOOTHING = 50
"""The moving mean of the loss spans 1 / 50 of all steps."""


def learning_picture(runs: Sequence[Sequence[Metrics]]) -> Figure:
    """Draw the loss of each step and its moving mean and, if dev was scored, F1 and Ign F1.

    Of several runs, it draws the moving means, and the mean of all with the standard deviation of dev scores.

    Args:
        runs: Rows of the `metrics.jsonl` of each; a step that is there twice, as after a crash, counts by its last row.
    """
    f1 = [_scores(rows, "f1") for rows in runs]
    has_dev = bool(_common(f1))
    with picture(2 if has_dev else 1, height=HEIGHT * (1.5 if has_dev else 1)) as (figure, axes):
        _draw_loss(axes[0], [{row.step: row.loss for row in rows if row.loss is not None} for rows in runs])
        if has_dev:
            _draw_scores(axes[1], f1, name="F1", color=BLUE, marker="o", linestyle="-")
            if _common(ign_f1 := [_scores(rows, "ign_f1") for rows in runs]):
                _draw_scores(axes[1], ign_f1, name="Ign F1", color=ORANGE, marker="s", linestyle="--")
            _name_best(axes[1], f1)
            axes[1].margins(y=0.2)
            axes[1].set_ylabel("dev score (%)" if len(runs) == 1 else "dev score (%), mean ± SD")
            add_legend(axes[1], columns=2)
        step_axis(axes[-1])
    return figure


def _draw_loss(axes: Axes, runs: Sequence[Mapping[int, float]]) -> None:
    means = []
    for losses in runs:
        steps, values = np.array(sorted(losses)), np.array([losses[step] for step in sorted(losses)])
        window = max(len(values) // SMOOTHING, 1)
        mean = np.convolve(values, np.full(window, 1 / window), mode="valid")
        means.append(dict(zip(steps[window - 1 :].tolist(), mean.tolist(), strict=True)))
        if len(runs) == 1:
            axes.plot(steps, values, color=GREY, alpha=0.35, linewidth=0.5, label="each step")
            axes.plot(steps[window - 1 :], mean, color=BLUE, label=f"mean of {window:,} steps")
        else:
            axes.plot(steps[window - 1 :], mean, color=GREY, alpha=0.5, linewidth=0.6)
    if len(runs) > 1:
        steps, values = _stacked(means)
        axes.plot(steps, values.mean(axis=0), color=BLUE, label=f"mean of {len(runs)} runs")
    axes.set_ylabel("loss (nats per pair)")
    log_axis(axes)
    add_legend(axes, columns=2)


def _draw_scores(
    axes: Axes, runs: Sequence[Mapping[int, float]], *, name: str, color: str, marker: str, linestyle: str
) -> None:
    steps, values = _stacked(runs)
    deviation = values.std(axis=0, ddof=1) if len(runs) > 1 else None
    axes.errorbar(
        steps,
        values.mean(axis=0),
        yerr=deviation,
        color=color,
        marker=marker,
        linestyle=linestyle,
        elinewidth=0.8,
        capsize=2,
        label=name,
    )


def _name_best(axes: Axes, runs: Sequence[Mapping[int, float]]) -> None:
    """Write the best score of the run, or of each with the standard deviation, above where the mean is best."""
    steps, values = _stacked(runs)
    best = [max(scores.values()) for scores in runs]
    deviation = f" ± {np.std(best, ddof=1):.2f}" if len(runs) > 1 else ""
    mean = values.mean(axis=0)
    highest = int(mean.argmax())
    top = mean[highest] + (values[:, highest].std(ddof=1) if len(runs) > 1 else 0)
    axes.annotate(
        f"best F1: {np.mean(best):.2f}{deviation}",
        (steps[highest], top),
        xytext=(4, 6),
        textcoords="offset points",
        ha="right",
        color=INK,
    )


def _scores(rows: Sequence[Metrics], key: Literal["f1", "ign_f1"]) -> dict[int, float]:
    """Return dev scores in percent by step."""
    scores = {row.step: getattr(row.dev, key) for row in rows if row.dev is not None}
    return {step: 100 * score for step, score in scores.items() if score is not None}


def _common(runs: Sequence[Mapping[int, float]]) -> list[int]:
    """Return the steps that all runs have a value of."""
    return sorted(set.intersection(*map(set, runs)))


def _stacked(runs: Sequence[Mapping[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the common steps, and the values there, `[runs, steps]`."""
    steps = _common(runs)
    return np.array(steps), np.array([[values[step] for step in steps] for values in runs])
