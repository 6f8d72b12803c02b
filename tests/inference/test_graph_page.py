"""The page that draws a graph: in a browser, everything leads to its facts, and no name becomes HTML."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")
pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")

from atlop.inference.facts import Extraction
from atlop.inference.graph import fact_graph, write_page
from atlop.inference.graph.drawing import MAX_FACTS, contents
from tests.browsing import serious_issues
from tests.inference.test_graph import HOSTILE, RESULTS, entity, extraction, fact

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ODD = extraction(
    "</script><b>odd</b>",
    fact(entity(0, HOSTILE), "<i>P1", entity(1, "B", type="<b>"), margin=1, probability=0.75, sentences=(3,)),
    fact(entity(0, HOSTILE), "P2", entity(0, HOSTILE), margin=1),
)
DRAWN = [*RESULTS, ODD]


def many(facts: int) -> list[Extraction]:
    """Return facts of a star, each as probable as its number says, the first one stated twice."""
    centre = entity(0, "centre")
    made = [fact(centre, "P1", entity(number, f"e{number}"), margin=number) for number in range(1, facts + 1)]
    return [extraction("first", *made), extraction("second", made[0])]


def test_of_a_large_graph_the_facts_that_most_documents_state_are_drawn() -> None:
    found = contents(fact_graph(many(MAX_FACTS + 20)))

    assert found["facts_in_all"] == MAX_FACTS + 20
    drawn = [found["entities"][each["object"]]["label"] for each in found["facts"]]
    assert len(drawn) == MAX_FACTS
    assert drawn[:3] == ["e1", f"e{MAX_FACTS + 20}", f"e{MAX_FACTS + 19}"]


def test_entities_have_positions_of_their_own_inside_the_drawing_the_same_each_time() -> None:
    found = contents(fact_graph([*DRAWN, *many(30)]))

    places = {(each["x"], each["y"]) for each in found["entities"]}
    assert len(places) == len(found["entities"])
    assert all(0 < x < found["width"] and 0 < y < found["height"] for x, y in places)
    assert contents(fact_graph([*DRAWN, *many(30)])) == found


def test_a_graph_without_facts_is_a_page_too(tmp_path: Path) -> None:
    write_page(tmp_path / "graph.html", fact_graph([replace(RESULTS[0], facts=())]))

    assert "</html>" in (tmp_path / "graph.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("graph") / "graph.html"
    write_page(path, fact_graph(DRAWN))
    return path.as_uri()


@pytest.fixture
def page(browser: "Browser", address: str) -> "Iterator[Page]":
    """The page, just opened; it must not complain or ask anybody for anything."""
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else problems.append(sent.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert problems == []


def shown(page: "Page") -> list[Any]:
    return page.locator("#facts .statement").all_text_contents()


def test_every_fact_is_an_arrow_and_a_line_of_the_list(page: "Page") -> None:
    assert page.locator("#graph .arrow").count() == len(shown(page)) == 5
    assert shown(page)[0] == "Bonn name of P17 → Germany"
    assert page.locator("#facts .margin").first.text_content() == "2 ×"
    assert page.locator("#found").text_content() == "5 facts"
    assert page.locator("main b, main i").count() == 0


def test_an_arrow_shows_the_sentences_of_its_fact(page: "Page") -> None:
    page.locator("#graph .arrow").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".details")

    assert page.locator(".details .evidence").all_text_contents() == ["text 0", "text 2", "text 1"]
    assert page.locator(".details h3").all_text_contents() == ["first", "second"]
    assert page.locator("#graph .arrow.chosen").count() == 1
    page.keyboard.press("Escape")
    page.wait_for_selector(".details", state="detached")


def test_an_entity_shows_its_facts_alone(page: "Page") -> None:
    page.locator("#graph .node", has_text="City of Bonn").click()
    page.wait_for_selector("#facts > :only-child")

    assert shown(page) == ["City of Bonn name of P17 → FRG"]
    assert page.locator("#facts-title").text_content() == "Facts of City of Bonn"
    assert page.locator("#graph .arrow.other").count() == 4
    assert page.locator("#found").text_content() == "1 of 5 facts"


def test_search_and_relation_choose_facts_and_keys_go_through_them(page: "Page") -> None:
    page.get_by_label("Relation").select_option("P17")
    assert len(shown(page)) == 2
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("city")
    assert len(shown(page)) == 1
    page.get_by_role("button", name="Reset").click()
    page.wait_for_selector("#facts > :nth-child(5)")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_selector("#facts > :nth-child(2) .details")
    page.keyboard.press("k")
    page.wait_for_selector("#facts > :nth-child(1) .details")


def test_an_entity_that_is_related_to_itself_has_an_arrow_that_can_be_seen(page: "Page") -> None:
    box = page.locator("#graph .arrow").last.locator(".line").bounding_box()

    assert box
    assert box["width"] > 5
    assert box["height"] > 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_and_axe_finds_nothing_serious(
    scheme: Any, browser: "Browser", address: str
) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    found = {}
    for place in ("", "#fact/0", "#entity/1"):
        phone.goto(address + place)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        found[place] = serious_issues(phone)
    phone.close()
    assert not any(found.values()), found
