"""Style and files of pictures: PNG and SVG, readable in one column of a paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from atlop.files import atomic_path, write_text

INK, GREY, BLUE, ORANGE, PAGE = "#1b1f24", "#666a70", "#0072b2", "#d55e00", "#ffffff"
GREEN, PINK = "#009e73", "#cc79a7"
"""Safe for colour-blind readers (Okabe and Ito 2008); lines and markers differ too."""
_DARK = {
    INK: "#e6e9ee",
    GREY: "#a3adb9",
    BLUE: "#62b4f0",
    ORANGE: "#f0a050",
    GREEN: "#3fc99b",
    PINK: "#e0a0c4",
    PAGE: "#15181c",
}
"""Colours of a reader who prefers dark pages."""
WIDTH, HEIGHT = 3.4, 2.5
"""Inches, one column of a two-column paper."""
PLAIN_NUMBERS = StrMethodFormatter("{x:,.10g}")
"""Writes ticks without powers of ten."""
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAGE,
    "axes.facecolor": PAGE,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "atlop",  # the same picture gives the same bytes
}
_MEDIA = "".join(
    f'[style*="{property_}: {light}"]{{{property_}:{dark}!important}}'
    for light, dark in _DARK.items()
    for property_ in ("fill", "stroke")
)
_DARK_RULES = f"<style>@media (prefers-color-scheme: dark){{{_MEDIA}}}</style>"


@contextmanager
def picture(
    panels: int = 1, *, columns: int = 1, width: float = WIDTH, height: float = HEIGHT
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a styled figure and its panels, in columns that share the horizontal axis; sizes are in inches."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(figure.subplots(panels, columns, sharex="col", squeeze=False).flat)


def add_legend(axes: Axes, *, columns: int = 1) -> None:
    """Name what is drawn above the panel, where no curve is."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, borderpad=0, ncols=columns)


def log_axis(axes: Axes) -> None:
    """Make the vertical axis of what is drawn logarithmic, with ticks at 1, 2 and 5 times powers of ten."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PLAIN_NUMBERS)


def step_axis(axes: Axes) -> None:
    """Make steps the horizontal axis."""
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(PLAIN_NUMBERS)


def figure_svg(figure: Figure) -> str:
    """Return a figure as SVG: with a light background, or a dark one if the reader prefers dark pages.

    Only browsers heed that; programs for papers and slides draw it light.
    """
    buffer = StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    before, defs, after = buffer.getvalue().partition(" <defs>\n")
    return before + f" {_DARK_RULES}\n" + defs + after


def save(figure: Figure, folder: Path, *, name: str) -> list[Path]:
    """Write a figure as `<name>.png` (300 dots an inch, light) and `<name>.svg`; return the two paths."""
    png, svg = (folder / f"{name}.{kind}" for kind in ("png", "svg"))
    with mpl.rc_context(_STYLE), atomic_path(png) as temporary:
        figure.savefig(temporary, format="png", dpi=300)
    write_text(svg, figure_svg(figure))
    return [png, svg]
