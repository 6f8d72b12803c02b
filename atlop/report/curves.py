"""Picture of learning curves: F1 by the number of train documents, and what the next hundred bring."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from atlop.evaluation import Estimate
from atlop.report.drawing import BLUE, GREEN, GREY, HEIGHT, ORANGE, PINK, add_legend, picture

CurvePoint: TypeAlias = tuple[int, Estimate, Estimate | None]
"""Number of train documents, F1, and its gain by the next hundred, if known."""

_STYLES = ((BLUE, "o"), (ORANGE, "s"), (GREY, "v"), (GREEN, "^"), (PINK, "D"))


def curve_picture(curves: Mapping[str, Sequence[CurvePoint]]) -> Figure:
    """Draw curves by name, each with the intervals of its points."""
    with picture(panels=2, height=1.6 * HEIGHT) as (figure, (scores, gains)):
        for (name, points), (colour, marker) in zip(curves.items(), cycle(_STYLES), strict=False):
            style = {"color": colour, "marker": marker, "label": name}
            _draw(scores, {size: f1 for size, f1, _ in points}, **style)
            _draw(gains, {size: gain for size, _, gain in points if gain is not None}, **style)
        sizes = sorted({size for points in curves.values() for size, *_ in points})
        gains.set_xscale("log")
        gains.set_xticks(sizes, [f"{size:,}" for size in sizes])
        gains.xaxis.set_minor_formatter(NullFormatter())
        gains.set_xlabel("train documents")
        gains.set_ylabel("F1 of the next 100 (%)")
        scores.set_ylabel("F1 (%)")
        add_legend(scores, columns=2)
    return figure


def _draw(axes: Axes, points: Mapping[int, Estimate], **style: Any) -> None:
    """Draw a curve in percent, with a bar for each interval."""
    values = [100 * each.value for each in points.values()]
    below = [100 * max(0, each.value - each.low) for each in points.values()]
    above = [100 * max(0, each.high - each.value) for each in points.values()]
    axes.errorbar([*points], values, yerr=[below, above], capsize=2, elinewidth=0.7, **style)
