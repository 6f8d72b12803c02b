"""README and the pages of `docs/`, as tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.glob("*.md")))

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def text_of(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(language: str, *, page: Path, section: str | None = None) -> list[str]:
    """Return the code of a page, or of one of its sections with what lies below it, in one language."""
    text = text_of(page)
    if section is not None:
        heading = re.search(rf"^(##+) {re.escape(section)}$", text, re.MULTILINE)
        assert heading, f"{page.name} has no section {section!r}"
        text = re.split(rf"^#{{2,{len(heading[1])}}} ", text[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    return [code for found, code in _FENCED.findall(text) if found == language]


def commands(page: Path) -> list[str]:
    """Return what a page types into a shell, in order: a command for each line, or for each whole loop."""
    lines = re.sub(r" +# .*$", "", "\n".join(blocks("bash", page=page)), flags=re.MULTILINE)
    lines = re.sub(r"\\\n *", "", lines)
    return re.findall(r"^for (?:.*\n)*?done$|^.+$", lines, re.MULTILINE)


def without_code(text: str) -> str:
    """Return a page's text without its blocks of code."""
    return _FENCED.sub("", text)
