"""Render the page on which a person tries the model."""

from pathlib import Path

from atlop.pages import render

PAGE = Path(__file__).parent / "page" / "try.html"
STYLES = ("base.css", "try.css")
SCRIPTS = (
    "elements.js",
    "header.js",
    "graph.js",
    "marks.js",
    "marked.js",
    "entities.js",
    "answer.js",
    "examples.js",
    "start.js",
)


def render_page(*, recognises: bool) -> str:
    """Return the page as HTML; it sends its requests to `extract` under its own address.

    `recognises` says whether that takes a text without mentions.
    """
    return render(PAGE, title="Facts from text", styles=STYLES, scripts=SCRIPTS, recognises=recognises)
