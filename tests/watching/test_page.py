"""The page in a browser: it follows a run that goes on, says what it cannot know, and fits a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import serious_issues
from tests.watching.runs import LEARNED, evaluation, finish, row, write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "<b>run"


@pytest.fixture(scope="module")
def address(run: Path, browser: "Browser") -> Iterator[str]:
    """Where the page is."""
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'atlop[serve]'")
    from tests.serving.test_server import started

    write_run(run, LEARNED)
    with started("-m", "atlop", "watch", run, "--port", 0) as server:
        yield server.url


@pytest.fixture
def page(browser: "Browser", address: str, run: Path) -> "Iterator[Page]":
    """The page of a run that broke off after two epochs; it must not complain, and asks nobody else."""
    (run / "summary.json").unlink(missing_ok=True)
    write_run(run, LEARNED)
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(address) else problems.append(sent.url))
    opened.goto(address)
    opened.wait_for_selector("#tiles .tile")
    yield opened
    opened.close()
    assert [each for each in problems if "Failed to load resource" not in each] == []  # an answer that is missing


def again(page: "Page") -> None:
    """Ask at once instead of after some seconds."""
    page.evaluate("follow()")


def tile(page: "Page", name: str) -> str:
    return page.locator(".tile", has_text=name).first.locator("dd").text_content() or ""


def test_it_shows_curves_scores_and_that_nobody_trains(page: "Page") -> None:
    assert "Broken off" in (page.locator("#state").text_content() or "")
    assert "it was killed or failed" in (page.locator("#state").text_content() or "")
    assert tile(page, "Step") == "20of 40"
    assert tile(page, "Best dev F1") == "50.00after step 20"
    assert page.locator("#done").evaluate("bar => bar.value") == 0.5
    assert page.locator("#dev .mark").count() == 4
    assert page.locator(".curve").count() == 5 + 5  # with those of the legends
    rows = page.locator("#evaluations tbody tr").all_inner_texts()
    assert [row.split("\t")[:3] for row in rows] == [["10", "1", "25.00"], ["20 ★", "2", "50.00"]]
    assert page.locator("b").count() == 0
    assert "<b>run" in page.title()


def test_it_follows_the_run_until_its_end(page: "Page", run: Path) -> None:
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        for each in (*map(row, range(21, 41)), evaluation(40, 0.75)):
            file.write(json.dumps(each) + "\n")
    finish(run)
    again(page)

    page.locator("#state", has_text="Finished").wait_for()
    assert tile(page, "Best dev F1") == "75.00after step 40"
    assert page.locator("#done").evaluate("bar => bar.value") == 1
    assert page.locator("#evaluations tbody tr").count() == 3
    assert "Time left" not in page.locator("#tiles").inner_text()


def test_a_damaged_file_and_a_service_that_is_gone_are_said_and_what_was_known_stays(page: "Page", run: Path) -> None:
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write("{\n")
    again(page)
    page.locator("#problem", has_text="metrics.jsonl, line 23").wait_for()

    page.route("**/progress", lambda route: route.abort())
    again(page)

    page.locator("#problem", has_text="no answer from `atlop watch`").wait_for()
    assert tile(page, "Step") == "20of 40"
    page.unroute("**/progress")
    write_run(run, LEARNED)
    again(page)
    page.locator("#problem").wait_for(state="hidden")


def test_a_run_without_a_step_has_a_page_too(page: "Page", run: Path) -> None:
    write_run(run, [], steps=None)
    page.reload()

    page.wait_for_selector("#tiles .tile")
    assert page.locator("#loss").inner_text() == "Nothing yet."
    assert tile(page, "Step") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_and_axe_finds_nothing_serious(
    scheme: Any, browser: "Browser", address: str
) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    phone.goto(address)
    phone.wait_for_selector("#tiles .tile")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.keyboard.press("?")
    phone.locator("#help").wait_for()
    phone.keyboard.press("Escape")
    found = serious_issues(phone)
    phone.close()
    assert found == []
