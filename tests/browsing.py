"""What tests do with the pages of the package in a browser."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


def serious_issues(page: "Page") -> list[str]:
    """Return what axe-core calls serious in a page, with the first element of each; skip the test without axe-core."""
    path = os.environ.get("ATLOP_AXE")
    if not path:
        pytest.skip("needs axe-core: set ATLOP_AXE to its axe.min.js; `bash scripts/test.sh --full` fetches it")
    page.evaluate(Path(path).read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}, {len(each['nodes'])} times: {each['nodes'][0]['html']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def tab_to(page: "Page", name: str) -> None:
    """Press Tab until the control with a name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(one => one.ariaLabel ?? one.labels?.[0]?.firstChild.textContent.trim() ?? one.textContent.trim())"
            "(document.activeElement)"
        )
        if focused == name:
            return
    raise AssertionError(f"no control called {name!r} is reached")
