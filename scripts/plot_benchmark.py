"""Draw what a step costs as documents grow, from the JSON of scripts/benchmark.py.

Example: python scripts/plot_benchmark.py runs/speed/benchmark.json scripts/measured/length.svg
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from atlop.files import write_text
from atlop.report.drawing import BLUE, ORANGE, PLAIN_NUMBERS, add_legend, figure_svg, log_axis, picture

SIDES = {"plain": ("straightforward implementation", ORANGE, "s"), "fast": ("atlop", BLUE, "o")}
"""Label, colour and marker of each side; told apart without colours as well."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, help="benchmark.json, measured with --parts length")
    parser.add_argument("output", type=Path, help="picture to write, .svg")
    options = parser.parse_args()
    lengths = json.loads(options.benchmark.read_text(encoding="utf-8"))["length"]
    with picture(columns=2, width=8, height=3.2) as (figure, [seconds, memory]):
        _draw(seconds, lengths, what="seconds", scale=1.0, label="seconds of a step")
        _draw(memory, lengths, what="bytes", scale=1e-9, label="GB above weights and optimizer state")
    write_text(options.output, figure_svg(figure))


def _draw(axes: Axes, lengths: dict[str, Any], *, what: str, scale: float, label: str) -> None:
    """Draw one measure of all sides against the document's length, in powers of two."""
    for side, (name, colour, marker) in SIDES.items():
        tokens = [int(length) for length in lengths[side]]
        values = [scale * each["step"][what] for each in lengths[side].values()]
        axes.plot(tokens, values, color=colour, marker=marker, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks([int(length) for length in lengths["fast"]])
    axes.xaxis.set_major_formatter(PLAIN_NUMBERS)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("tokens of the document")
    axes.set_ylabel(label)
    log_axis(axes)
    add_legend(axes, columns=2)


if __name__ == "__main__":
    main()
