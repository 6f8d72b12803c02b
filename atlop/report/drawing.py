"""Style and files of pictures: PNG and SVG, readable in one column of a paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atlop.files import atomic_path

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
"""Safe for colour-blind readers (Okabe and Ito 2008); lines and markers differ too."""
WIDTH, HEIGHT = 3.4, 2.5
"""Inches, one column of a two-column paper."""
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "atlop",  # the same picture gives the same bytes
}


@contextmanager
def picture(panels: int = 1, *, height: float = HEIGHT) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a styled figure, `height` inches high, and its stacked panels, which share the horizontal axis."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure, list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])


def figure_svg(figure: Figure) -> str:
    """Return a figure as SVG with a white background."""
    buffer = StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save(figure: Figure, folder: Path, *, name: str) -> list[Path]:
    """Write a figure as `<name>.png` (300 dots an inch) and `<name>.svg`; return the two paths."""
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    with mpl.rc_context(_STYLE):
        for path in paths:
            kind = path.suffix[1:]
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=300, metadata={"Date": None} if kind == "svg" else None)
    return paths
