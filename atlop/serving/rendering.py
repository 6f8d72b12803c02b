"""The page on which one tries the model: a text, mentions marked by hand, and the facts that are found."""

from pathlib import Path

from atlop.pages import render

PAGE = Path(__file__).parent / "page" / "try.html"
STYLES = ("base.css", "try.css")
PROGRAMS = (
    "elements.js",
    "header.js",
    "graph.js",
    "marks.js",
    "marked.js",
    "entities.js",
    "answer.js",
    "examples.js",
    "begin.js",
)


def render_page() -> str:
    """Return the page, which asks `/extract` beside it."""
    return render(PAGE, title="Facts from text", styles=STYLES, programs=PROGRAMS)
