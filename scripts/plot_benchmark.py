"""Draw what a step costs as documents grow, from the JSON of scripts/benchmark.py.

Example: python scripts/plot_benchmark.py runs/speed/benchmark.json scripts/measured/length.svg
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

SIDES = {"plain": ("straightforward implementation", "#b3541e", "s"), "fast": ("atlop", "#1f5fa8", "o")}
"""Label, colour and marker of each side; told apart without colours as well."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, help="benchmark.json, measured with --parts length")
    parser.add_argument("output", type=Path, help="picture to write, .svg or .png")
    options = parser.parse_args()
    lengths = json.loads(options.benchmark.read_text(encoding="utf-8"))["length"]
    plt.rcParams.update({"svg.hashsalt": "atlop", "svg.fonttype": "none", "axes.spines.top": False})
    plt.rcParams.update({"axes.spines.right": False, "font.size": 9})
    figure, (seconds, memory) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    _draw(seconds, lengths, what="seconds", scale=1.0, label="seconds of a step")
    _draw(memory, lengths, what="bytes", scale=1e-9, label="GB above weights and optimizer state")
    memory.legend(frameon=False, loc="lower right")
    figure.savefig(options.output, metadata={"Date": None} if options.output.suffix == ".svg" else None)


def _draw(axes: Axes, lengths: dict[str, Any], *, what: str, scale: float, label: str) -> None:
    """Draw one measure of all sides against the document's length, both in powers of two."""
    for side, (name, colour, marker) in SIDES.items():
        tokens = [int(length) for length in lengths[side]]
        values = [scale * each["step"][what] for each in lengths[side].values()]
        axes.plot(tokens, values, color=colour, marker=marker, label=name)
    ticks = [int(length) for length in lengths["fast"]]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("tokens of the document")
    axes.set_ylabel(label)
    axes.grid(alpha=0.25)


if __name__ == "__main__":
    main()
