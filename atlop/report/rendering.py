"""Render a report as one HTML file that needs no network and no other file."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlop.pages import embedded_json, render

PAGE = Path(__file__).parent / "page" / "report.html"
STYLES = ("base.css", "tables.css", "report.css")
SCRIPTS = (
    "elements.js",
    "header.js",
    "shading.js",
    "data.js",
    "tables.js",
    "scores.js",
    "suspects.js",
    "comparison.js",
    "text.js",
    "graph.js",
    "facts.js",
    "browser.js",
    "start.js",
)


def render_report(contents: Mapping[str, Any], *, title: str, pictures: Mapping[str, str]) -> str:
    """Return the page as HTML, from its content as a JSON value and the SVG of each picture by caption.

    The text of each document is an element of its own, so that the page parses it when it is looked at.
    """
    return render(
        PAGE,
        title=title,
        styles=STYLES,
        scripts=SCRIPTS,
        data=embedded_json({key: value for key, value in contents.items() if key != "texts"}),
        texts=map(embedded_json, contents["texts"]),
        pictures={caption: b64encode(svg.encode()).decode("ascii") for caption, svg in pictures.items()},
    )
