"""Pictures of a model's decisions on a labelled corpus: precision and recall, margins, and F1 of each relation."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlop.calibration import Candidates
from atlop.evaluation import RARE, DetailedScores, OfficialScores
from atlop.report.drawing import BLUE, GREY, INK, ORANGE, PLAIN_NUMBERS, add_legend, log_axis, picture
from atlop.report.labels import name_points
from atlop.report.margins import MarginHistogram, precision_recall

MAX_BINS = 80
"""Bins drawn of the histogram; neighbours are merged if there are more."""
NAMED = 6
"""Relations whose dots are named."""


def precision_recall_picture(candidates: Candidates, *, scores: OfficialScores) -> Figure:
    """Draw precision against recall for all thresholds, and mark the best F1 and the model's own `scores`."""
    thresholds, precision, recall = precision_recall(candidates)
    with picture() as (figure, [axes]):
        _draw_f1_lines(axes)
        axes.plot(100 * recall, 100 * precision, color=BLUE)
        if len(thresholds):
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            best = int(f1.argmax())
            axes.plot(
                100 * recall[best],
                100 * precision[best],
                "D",
                color=ORANGE,
                label=f"best here: margin ≥ {thresholds[best]:.2f}, F1 {100 * f1[best]:.2f}".replace("-", "−"),
            )
        if scores.recall is not None and scores.precision is not None and scores.f1 is not None:
            label = f"decided: F1 {100 * scores.f1:.2f}"
            axes.plot(100 * scores.recall, 100 * scores.precision, "o", color=INK, label=label)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        axes.set_xlabel("recall (%)")
        axes.set_ylabel("precision (%)")
        add_legend(axes)
    return figure


def margin_picture(margins: MarginHistogram) -> Figure:
    """Draw histograms of the margins of gold facts and of relations that do not hold."""
    merged = -(-len(margins.positives) // MAX_BINS)
    starts = np.arange(0, len(margins.positives), merged)
    edges = np.append(margins.edges[starts], margins.edges[-1])
    with picture() as (figure, [axes]):
        negatives, positives = (np.add.reduceat(counts, starts) for counts in (margins.negatives, margins.positives))
        above = f"{_above(margins.negatives, margins):,} of {margins.negatives.sum():,}"
        axes.stairs(negatives, edges, fill=True, color=ORANGE, alpha=0.35, label=f"do not hold ({above} above 0)")
        above = f"{_above(margins.positives, margins):,} of {margins.positives.sum():,}"
        axes.stairs(positives, edges, color=BLUE, linewidth=1.4, label=f"hold ({above} above 0)")
        axes.axvline(0, color=INK, linestyle=":", linewidth=1)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        log_axis(axes)
        axes.set_xlabel("margin above the threshold (nats)")
        axes.set_ylabel(f"relations of pairs per {edges[1] - edges[0]:g} nats")
        add_legend(axes)
    return figure


def relation_picture(scores: DetailedScores, *, names: Mapping[str, str]) -> Figure:
    """Draw F1 of each relation with gold facts against its train facts, from scores with train frequencies.

    Larger dots have more gold facts. Those with most are named and have 95 % intervals.

    Args:
        scores: Scores of each relation.
        names: Readable names of relations; without one, the id stands there.
    """
    groups = {relation: group for relation, group in scores.relations.items() if group.gold}
    largest = sorted(groups, key=lambda relation: groups[relation].gold, reverse=True)[:NAMED]
    with picture() as (figure, [axes]):
        x = {relation: group.train or 0 for relation, group in groups.items()}
        f1 = {relation: 100 * group.f1.value for relation, group in groups.items()}
        axes.scatter(
            [*x.values()],
            [*f1.values()],
            s=[_dot_area(group.gold) for group in groups.values()],
            color=BLUE,
            alpha=0.6,
            linewidths=0,
        )
        for gold in (10, 1000):
            axes.scatter([], [], s=_dot_area(gold), color=BLUE, alpha=0.6, linewidths=0, label=f"{gold:,} gold facts")
        for limit in RARE:
            axes.axvline(limit, color=GREY, linestyle=":", linewidth=0.8)
        for relation in largest:
            interval = groups[relation].f1
            axes.vlines(x[relation], 100 * interval.low, 100 * interval.high, color=INK, linewidth=0.8)
        axes.set_xscale("symlog", linthresh=1)  # a relation may have no train fact
        axes.set_xlim(-0.2, 2 * max(x.values(), default=RARE[0]))
        axes.xaxis.set_major_formatter(PLAIN_NUMBERS)
        axes.set_ylim(-3, 103)
        axes.set_xlabel("train facts of the relation")
        axes.set_ylabel("F1 (%), with 95 % intervals")
        add_legend(axes, columns=2)
        name_points(axes, {names.get(name, name): (x[name], f1[name]) for name in largest})
    return figure


def _dot_area(gold: int) -> float:
    """Return the area of a relation's dot in square points."""
    return float(4 + 2 * gold**0.5)


def _above(counts: NDArray[np.int64], margins: MarginHistogram) -> int:
    return int(counts[margins.edges[:-1] >= 0].sum())


def _draw_f1_lines(axes: Axes) -> None:
    for f1 in (0.4, 0.6, 0.8):
        recall = np.linspace(f1 / 2 + 1e-3, 1, 200)
        precision = f1 * recall / (2 * recall - f1)
        axes.plot(100 * recall, 100 * precision, color=GREY, linewidth=0.6, alpha=0.5)
        axes.text(99, 100 * f1 / (2 - f1) + 1, f"F1 {100 * f1:.0f}", color=GREY, fontsize=6, ha="right")
