"""Self-contained HTML pages, built from a template, styles and scripts."""

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
"""Folder of the base template and the styles and scripts that all pages use."""
_UNSAFE = re.compile("[<\ud800-\udfff]")
"""Characters that may end a script element, and lone surrogates, which UTF-8 cannot encode."""


def render(template: Path, *, title: str, styles: Sequence[str], scripts: Sequence[str], **values: object) -> str:
    """Return a page as HTML.

    Its content security policy allows only these styles and scripts, and what the template names.

    Args:
        template: A template that extends `base.html`.
        title: Title of the page.
        styles: CSS files in the template's folder or the shared one, in the order in which they are joined.
        scripts: JavaScript files, likewise.
        values: Other variables of the template.
    """
    folders = (template.parent, SHARED)
    style, script = _joined(styles, folders=folders), _joined(scripts, folders=folders)
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template.name).render(
        title=title.encode(errors="replace").decode(),
        style=Markup(style),
        style_digest=_digest(style),
        script=Markup(script),
        script_digest=_digest(script),
        **values,
    )


def embedded_json(value: object) -> Markup:
    """Return a value as JSON that is safe inside a script element, whatever its strings contain."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text))


def _joined(names: Sequence[str], *, folders: Sequence[Path]) -> str:
    paths = (next(folder / name for folder in folders if (folder / name).exists()) for name in names)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _digest(text: str) -> str:
    """Return the digest by which a content security policy identifies an element."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")
