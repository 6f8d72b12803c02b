"""Draw the method, as docs/method.md shows it.

Example: python scripts/draw_method.py scripts/pictures/method.svg
"""

import argparse
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from atlop.files import write_text

WIDTH, HEIGHT = 760, 660
BOX = 48
"""Height of a box."""
COLOURS = {"data": "#eef2f7", "encoder": "#dbe7f6", "entity": "#e3f1e4", "pair": "#fdf0d9", "decision": "#f6e0e0"}

DARK = {
    "#fff": "#15181c",
    "#111": "#e6e9ee",
    "#555": "#a3adb9",
    "#888": "#6b737e",
    "#eef2f7": "#252b33",
    "#dbe7f6": "#1f3350",
    "#e3f1e4": "#1e3a26",
    "#fdf0d9": "#45371a",
    "#f6e0e0": "#4a2626",
}
"""Colours for a reader who prefers dark pages."""


class Box(NamedTuple):
    """A thing that is computed."""

    x: int
    """Its centre."""
    y: int
    width: int
    kind: str
    name: str
    shape: str = ""


BOXES = {
    "document": Box(380, 40, 420, "data", "document: words, mentions, entities"),
    "tokens": Box(380, 120, 420, "data", "tokens, a * before and after each mention", "[documents, tokens]"),
    "encoder": Box(380, 200, 420, "encoder", "encoder", "windows of at most 512 tokens, merged"),
    "states": Box(200, 290, 300, "encoder", "states H", "[tokens, width]"),
    "attention": Box(560, 290, 300, "encoder", "attention A of the last layer", "[heads, tokens, tokens]"),
    "embedding": Box(200, 380, 300, "entity", "entities e: logsumexp over mentions", "[entities, width]"),
    "rows": Box(560, 380, 300, "entity", "attention: mean over mentions", "[entities, heads, tokens]"),
    "context": Box(560, 470, 300, "pair", "localized context c of each pair", "[pairs, width]"),
    "scores": Box(380, 550, 420, "pair", "grouped bilinear of tanh(W [e ; c]) of both", "scores [pairs, classes]"),
    "loss": Box(200, 630, 300, "decision", "training: loss against TH"),
    "facts": Box(560, 630, 300, "decision", "prediction: relations above TH"),
}
ARROWS = (
    *(("document", "tokens"), ("tokens", "encoder"), ("encoder", "states"), ("encoder", "attention")),
    *(("states", "embedding"), ("attention", "rows"), ("rows", "context"), ("states", "context")),
    *(("embedding", "scores"), ("context", "scores"), ("scores", "loss"), ("scores", "facts")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="picture to write, .svg")
    write_text(parser.parse_args().output, drawing())


def drawing() -> str:
    """Return the picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="15" text-anchor="middle">',
        f"<style>@media (prefers-color-scheme: dark){{{_dark_rules()}}}</style>",
        "<title>The method: from a document to scores, with shapes</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(_arrow(BOXES[source], BOXES[target]) for source, target in ARROWS),
        *map(_box, BOXES.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _dark_rules() -> str:
    return "".join(
        f'[{attribute}="{light}"]{{{attribute}:{dark}}}'
        for light, dark in DARK.items()
        for attribute in ("fill", "stroke")
    )


def _box(box: Box) -> str:
    lines = [f'<tspan fill="#111">{escape(box.name)}</tspan>']
    if box.shape:
        lines.append(f'<tspan fill="#555" font-size="13">{escape(box.shape)}</tspan>')
    top = box.y - BOX // 2
    texts = "".join(
        f'<text x="{box.x}" y="{box.y + 15 + 20 * index - 10 * len(lines)}">{line}</text>'
        for index, line in enumerate(lines)
    )
    return (
        f'<rect x="{box.x - box.width // 2}" y="{top}" width="{box.width}" height="{BOX}" rx="6" '
        f'fill="{COLOURS[box.kind]}" stroke="#888"/>{texts}'
    )


def _arrow(source: Box, target: Box) -> str:
    """Return an arrow from the bottom of a box to the top of another; straight down where both are."""
    left = max(box.x - box.width // 2 for box in (source, target))
    right = min(box.x + box.width // 2 for box in (source, target))
    start = end = (left + right) // 2
    if left > right:
        start, end = right - 20, left + 20
    return (
        f'<path d="M{start} {source.y + BOX // 2}L{end} {target.y - BOX // 2}" stroke="#555" fill="none" '
        'marker-end="url(#tip)"/>'
    )


if __name__ == "__main__":
    main()
