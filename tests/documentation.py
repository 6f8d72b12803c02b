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


def blocks(language: str, *, page: Path, section: str) -> list[str]:
    """Return the code of one section (`## …`, with what lies below it) in one language."""
    text = text_of(page).partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [code for found, code in _FENCED.findall(text) if found == language]


def without_code(text: str) -> str:
    """Return a page's text without its blocks of code."""
    return _FENCED.sub("", text)
