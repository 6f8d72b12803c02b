"""Names beside points of a picture, where they cover no other name and no named point."""

from collections.abc import Iterator, Mapping

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from atlop.report.drawing import INK

MAX_LENGTH = 26
"""Characters of a name."""
_NEAR, _FAR = 5, (12, 20, 28)  # points between a dot and its name, without and with a line
_DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))
_HORIZONTAL, _VERTICAL = {1: "left", 0: "center", -1: "right"}, {1: "bottom", 0: "center", -1: "top"}


def name_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write names beside points, the first ones at the best positions; one that fits nowhere is left out.

    Limits and legend of the panel must be set, as they decide where there is space.
    """
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    axes.figure.draw_without_rendering()  # gives the panel its position
    centres = axes.transData.transform([*points.values()]) if points else []
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in centres]
    for name, point in points.items():
        for note in _attempts(axes, name, point=point):
            note.update_positions(renderer)
            box = Text.get_window_extent(note, renderer)  # without its line
            is_inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and box.y1 <= axes.bbox.y1
            if is_inside and box.y0 >= axes.bbox.y0 and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            note.remove()


def _attempts(axes: Axes, name: str, *, point: tuple[float, float]) -> Iterator[Annotation]:
    """Yield the name around its point, the best positions first; each must be removed before the next."""
    text = name if len(name) <= MAX_LENGTH else f"{name[: MAX_LENGTH - 1]}…"
    for distance in (_NEAR, *_FAR):
        line = {"arrowstyle": "-", "color": INK, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        for across, up in _DIRECTIONS:
            yield axes.annotate(
                text,
                point,
                xytext=(distance * across, distance * up),
                textcoords="offset points",
                ha=_HORIZONTAL[across],
                va=_VERTICAL[up],
                fontsize=6,
                color=INK,
                arrowprops=None if distance == _NEAR else line,
            )
