"""What the page of the service begins with, what a link holds, and what can be taken away from it."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from atlop.inference import RelationExtractor
from tests.browsing import serious_issues, tab_to
from tests.inference.texts import ENTITIES, TEXT
from tests.serving.page_actions import LUCIA, find, mark, mark_all, names, write

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_it_begins_with_the_model_its_relations_and_an_example_that_it_can_answer(
    page: "Page", extractor: RelationExtractor
) -> None:
    relations = extractor.model.config.vocabulary.relations
    about = page.locator("#about").inner_text()
    assert "The model tiny " in about
    assert f"Its {len(relations)} relations" in about
    page.locator("#about summary").click()
    assert page.locator("#relations li").count() == len(relations)
    assert page.locator("#steps li").count() == 3
    assert page.locator("#facts-hint").inner_text() == "Press “Find facts” to ask the model."

    asked = find(page)

    assert len(asked["entities"]) > 1
    facts = page.locator("#facts .fact").count()
    assert facts > 0
    assert page.locator("#examples option").nth(1).inner_text().endswith(f": {facts} facts")
    assert page.get_by_role("button", name="Undo").get_attribute("title") == "There is nothing to undo."


def test_a_button_that_does_nothing_says_why(page: "Page") -> None:
    def reason(name: str) -> str:
        page.get_by_role("button", name=name).click(force=True)
        return page.locator("#notice").inner_text()

    assert reason("Copy as JSON") == "Find facts first."
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#why").inner_text() == "Write a text first."
    assert reason("Find facts") == "Write a text first."
    assert reason("Copy link") == "Write a text first."
    assert reason("Clear") == "There is no text yet."
    write(page, TEXT)
    mark(page, LUCIA)
    assert page.locator("#why").inner_text().startswith("Mark the names of at least two entities")
    mark_all(page)
    assert page.locator("#why").inner_text() == ""
    assert page.get_by_role("button", name="Find facts").get_attribute("aria-disabled") == "false"


def test_where_nothing_is_a_fact_the_closest_are_shown(page: "Page", model_folder: Path, nothing_holds: Path) -> None:
    strict = RelationExtractor.from_pretrained(model_folder, decision=nothing_holds)
    expected = strict(TEXT, ENTITIES, explain=True)
    page.route("**/extract*", lambda route: route.fulfill(json=expected.as_json()))
    mark_all(page)

    find(page)

    assert page.locator("#facts-title").inner_text() == "3. The model finds no facts"
    assert "come closest" in page.locator("#facts-hint").inner_text()
    shown = page.locator("#facts .fact.absent")
    assert shown.count() == len(expected.near_misses) > 0
    assert shown.first.locator(".margin").inner_text() == f"{expected.near_misses[0].margin:.2f}".replace("-", "−")
    page.keyboard.press("j")
    page.wait_for_selector(".details")
    assert page.locator("#graph .arrow.absent.chosen").count() == 1


def test_a_link_holds_the_text_its_marks_and_the_chosen_fact(page: "Page", address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    mark_all(page)
    find(page)
    page.keyboard.press("k")  # the last fact
    page.wait_for_selector(".details")
    chosen = page.locator("#facts [aria-current]").inner_text()

    page.get_by_role("button", name="Copy link").click()
    page.locator("#notice", has_text="is copied").wait_for()
    link = str(page.evaluate("navigator.clipboard.readText()"))
    assert link == page.url
    page.goto("about:blank")
    page.goto(link)

    page.wait_for_selector(".details")
    assert page.locator("#facts [aria-current]").inner_text() == chosen
    assert len(names(page)) == 3
    page.goto(f"{address}#{urlencode({'text': 'Only a text.'}, quote_via=quote)}")
    page.locator("#marked", has_text="Only a text.").wait_for()
    assert names(page) == []


@pytest.mark.parametrize("entities", ["[", "[[[0, 900]]]", '[{"mentions": [[5, 2]]}]', "7"])
def test_a_damaged_link_keeps_its_text_and_says_so(page: "Page", address: str, entities: str) -> None:
    page.goto("about:blank")
    page.goto(f"{address}#{urlencode({'text': TEXT, 'entities': entities})}")

    assert page.get_by_label("1. Text", exact=True).input_value() == TEXT
    assert "do not fit" in (page.get_by_role("alert").text_content() or "")


def test_the_answer_is_copied_as_the_service_gave_it(page: "Page", extractor: RelationExtractor) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    mark_all(page)
    find(page)
    page.get_by_role("button", name="Copy as JSON").click()
    page.locator("#notice", has_text="is copied").wait_for()

    copied: Any = json.loads(str(page.evaluate("navigator.clipboard.readText()")))
    expected = extractor(TEXT, ENTITIES, explain=True).as_json()
    assert [fact["relation"] for fact in copied["facts"]] == [fact["relation"] for fact in expected["facts"]]


def test_more_entities_than_colours_are_told_apart_by_number(page: "Page") -> None:
    people = [f"Person{letter}" for letter in "ABCDEFGHIJ"]
    write(page, " ".join(people))
    for name in people:
        mark(page, name)

    first, ninth = page.locator("#marked .mention").nth(0), page.locator("#marked .mention").nth(8)
    classes = [(each.get_attribute("class") or "").split() for each in (first, ninth)]
    assert "colour-0" in classes[0]
    assert "colour-0" in classes[1]
    assert {"lines-0"} == set(classes[0]) - set(classes[1])
    assert ninth.evaluate("each => getComputedStyle(each, '::after').content").startswith('"9"')
    spoken = page.locator("#marked").aria_snapshot()
    assert re.search(r"PersonA, entity 1, .*PersonI, entity 9,", spoken)


def test_shading_has_one_scale_that_is_explained_beside_it(page: "Page", extractor: RelationExtractor) -> None:
    mark_all(page)
    find(page)
    page.keyboard.press("j")
    page.wait_for_selector(".details")

    scale = ["1 to 2 %", "2 to 5 %", "5 to 10 %", "10 to 20 %", "over 20 %"]
    assert page.locator("#reading .swatch").all_inner_texts() == scale
    best = max(extractor(TEXT, ENTITIES, explain=True), key=lambda fact: fact.margin)
    assert best.context
    for word in best.context.words:
        shade = sum(word.weight >= lowest for lowest in (0.01, 0.02, 0.05, 0.1, 0.2))
        shown = page.locator("#marked .word[title]").filter(has_text=re.compile(f"^{re.escape(word.word)}$"))
        assert f"word shade-{shade}" in shown.evaluate_all("all => all.map(each => each.className)")


def test_the_whole_way_goes_by_keys_alone(page: "Page") -> None:
    tab_to(page, "1. Text")
    page.keyboard.press("Control+a")
    page.keyboard.type("Ada met Bo.")
    page.keyboard.press("Home")
    for _ in "Ada":
        page.keyboard.press("Shift+ArrowRight")
    tab_to(page, "Mark")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    for _ in "Bo":
        page.keyboard.press("Shift+ArrowLeft")
    tab_to(page, "Mark")
    page.keyboard.press("Enter")
    assert names(page) == ["Ada", "Bo"]

    tab_to(page, "Find facts")
    page.keyboard.press("Enter")
    page.wait_for_selector("#facts .fact")
    page.keyboard.press("j")
    page.wait_for_selector(".details")
    page.keyboard.press("Escape")
    page.wait_for_selector(".details", state="detached")
    tab_to(page, "Copy as JSON")
    page.keyboard.press("Enter")
    page.locator("#notice", has_text="is copied").wait_for()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_bars_people(page: "Page", scheme: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.locator("#about summary").click()
    found = {"example": serious_issues(page)}
    find(page)
    page.keyboard.press("j")
    page.wait_for_selector(".details")
    found["fact"] = serious_issues(page)
    page.click("#help-button")
    found["help"] = serious_issues(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    found["nothing"] = serious_issues(page)
    assert not any(found.values()), found
