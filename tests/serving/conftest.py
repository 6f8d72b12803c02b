from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.inference.conftest import extractor, model_folder, nothing_holds

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["extractor", "model_folder", "nothing_holds"]


@pytest.fixture(scope="session")
def address(model_folder: Path, browser: "Browser") -> Iterator[str]:
    """Where a service with its page is."""
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'atlop[serve]'")
    from tests.serving.test_server import started

    with started("-m", "atlop", "serve", model_folder, "--port", 0) as server:
        yield server.url


@pytest.fixture
def page(browser: "Browser", address: str) -> "Iterator[Page]":
    """The page, just opened; it must not complain, and talks to nobody but the service."""
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(address) else problems.append(sent.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert [each for each in problems if "Failed to load resource" not in each] == []  # a refusal that is wanted
