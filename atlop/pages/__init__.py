"""Pages for a browser: one HTML file that loads nothing, made of a template, styles and programs."""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

__all__ = ["embedded_json", "render"]

SHARED = Path(__file__).parent
"""What all pages have in common: the frame, the look, and parts of their programs."""
_UNSAFE = re.compile("[<\ud800-\udfff]")
"""What may end a script element, and halves of surrogate pairs, which UTF-8 cannot say."""


def render(template: Path, *, title: str, styles: Sequence[str], programs: Sequence[str], **values: object) -> str:
    """Return a page.

    Its content security policy allows this very style and program, what the template names, and nothing else.

    Args:
        template: The page, which extends `base.html`.
        title: Of the page.
        styles: Parts of the look, beside the template or here, in the order in which they are put together.
        programs: Parts of the program, likewise.
        values: What the template shows besides.
    """
    folders = (template.parent, SHARED)
    style, program = _together(styles, folders=folders), _together(programs, folders=folders)
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template.name).render(
        title=title.encode(errors="replace").decode(),
        style=Markup(style),
        style_digest=_digest(style),
        program=Markup(program),
        program_digest=_digest(program),
        **values,
    )


def embedded_json(value: object) -> Markup:
    """Return a value as JSON that can stand in a script element, whatever its strings say."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


def _together(names: Sequence[str], *, folders: Sequence[Path]) -> str:
    paths = (next(folder / name for folder in folders if (folder / name).exists()) for name in names)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _digest(text: str) -> str:
    """Return how a content security policy names an element by what it holds."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")
