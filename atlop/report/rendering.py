"""What a report shows -> one HTML file that needs nothing else: no network, no other file."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("elements", "data", "tables", "scores", "text", "graph", "facts", "browser", "start")
"""Parts of the page's program, in the order in which they are put together."""
_UNSAFE = re.compile("[<\ud800-\udfff]")
"""What may end a script element, and halves of surrogate pairs, which UTF-8 cannot say."""


def render(contents: Mapping[str, Any], *, title: str, pictures: Mapping[str, str]) -> str:
    """Return the page.

    Its content security policy allows this very style and program and pictures that it holds itself, nothing else.

    Args:
        contents: What the page shows, as JSON can hold it.
        title: Of the page.
        pictures: SVG of each picture, by its caption.
    """
    style = (PAGE / "report.css").read_text(encoding="utf-8")
    program = "\n".join((PAGE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    environment = Environment(loader=FileSystemLoader(PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        title=title.encode(errors="replace").decode(),
        style=Markup(style),
        style_digest=_digest(style),
        program=Markup(program),
        program_digest=_digest(program),
        data=Markup(embedded_json(contents)),
        pictures={caption: b64encode(svg.encode()).decode("ascii") for caption, svg in pictures.items()},
    )


def embedded_json(value: object) -> str:
    """Return a value as JSON that can stand in a script element, whatever its strings say."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _digest(text: str) -> str:
    """Return how a content security policy names an element by what it holds."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")
