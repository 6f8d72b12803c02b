"""Names of points in a column beside a panel, where they cover nothing."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from matplotlib.axes import Axes

from atlop.report.drawing import GREY, INK

_LENGTH = 18
"""Characters of a line; a name has two at most."""
_GAP = 0.13
"""Distance of two names, as a share of the panel's height."""


def name_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write the names of points at the right of a panel, in the order of their height, with a line to each point.

    The panel's vertical limits must be set, and its axis linear.
    """
    low, high = axes.get_ylim()
    ordered = sorted(points.items(), key=lambda item: item[1][1])
    positions = _spread([(y - low) / (high - low) for _, (_, y) in ordered])
    for (name, point), position in zip(ordered, positions, strict=True):
        first, *others = wrap(name, _LENGTH) or [""]
        text = "\n".join([first, *([others[0] + ("…" if others[1:] else "")] if others else [])])
        axes.annotate(
            text,
            point,
            xytext=(1.04, position),
            textcoords="axes fraction",
            va="center",
            fontsize=6,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "relpos": (0, 0.5)},
        )


def _spread(heights: Sequence[float]) -> list[float]:
    """Return ascending heights, from 0 to 1, moved apart where names would touch each other or the legend."""
    positions: list[float] = []
    for height in heights:
        positions.append(max(height, positions[-1] + _GAP) if positions else height)
    top = 0.95
    for index in reversed(range(len(positions))):
        positions[index] = top = min(positions[index], top)
        top -= _GAP
    return positions
