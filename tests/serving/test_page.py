"""The page of the service in a browser: text is marked, grouped and sent, and the answer is shown."""

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atlop.inference import RelationExtractor
from tests.inference.test_recognition import TEXT as NAMED
from tests.inference.texts import ENTITIES, TEXT
from tests.serving.page_actions import EMEKA, HALLORAN, LUCIA, find, mark, mark_all, names, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route


def test_what_is_marked_is_asked_and_its_facts_are_shown(page: "Page", extractor: RelationExtractor) -> None:
    mark_all(page)
    assert names(page) == [LUCIA, EMEKA, HALLORAN]

    asked = find(page)

    assert asked == {
        "text": TEXT,
        "entities": [{"type": "", "mentions": [list(span) for span in mentions]} for mentions in ENTITIES],
    }
    expected = sorted(extractor(TEXT, ENTITIES), key=lambda fact: -fact.margin)
    shown = page.locator("#facts .fact")
    assert shown.count() == len(expected) > 1
    for item, fact in zip(shown.all(), expected, strict=True):
        assert item.locator(".statement").text_content() == (
            f"{fact.subject.name} {fact.relation_name} → {fact.object.name}"
        )
        assert (item.locator(".margin").text_content() or "") == f"{fact.margin:.2f}"
    assert page.locator("#graph .arrow .name").all_text_contents() == [fact.relation_name for fact in expected]


def test_a_chosen_fact_shows_what_the_model_read(page: "Page", extractor: RelationExtractor) -> None:
    mark_all(page)
    find(page)
    page.keyboard.press("j")
    page.wait_for_selector(".details")

    best = max(extractor(TEXT, ENTITIES, explain=True), key=lambda fact: fact.margin)
    assert best.context
    heaviest = best.context.words[0]
    shades = page.locator("#marked .word[title]")
    assert shades.count() >= len(best.context.words)
    shares = shades.evaluate_all("all => all.map(each => parseFloat(each.title))")
    darkest = shades.nth(shares.index(max(shares)))
    assert darkest.text_content() == heaviest.word
    assert page.locator("#marked .in-fact").count() == 3
    for sentence in best.evidence:
        assert f"{100 * sentence.share:.0f} %: {sentence.text}" in (page.locator(".details").text_content() or "")
    page.locator("#graph .arrow").last.focus()
    page.keyboard.press("Escape")
    page.wait_for_selector(".details", state="detached")
    assert page.locator("#marked .word[title]").count() == 0


def test_the_mouse_marks_in_the_text_and_picks_an_entity(page: "Page") -> None:
    write(page, "Ada met Bo. Ada left.")
    box = page.locator("#marked .word").bounding_box()
    assert box
    page.mouse.dblclick(box["x"] + 5, box["y"] + box["height"] / 2)
    page.wait_for_selector("#marked .mention")
    assert names(page) == ["Ada", "Ada"]

    page.locator("#marked .mention").first.click()
    page.wait_for_selector("#marked .picked")  # what is selected is known only after the event
    assert page.locator("#marked .picked").count() == 2
    assert page.get_by_role("button", name="Entity 1").get_attribute("aria-pressed") == "true"


def test_what_is_marked_while_the_mouse_is_down_is_not_picked_when_it_is_released(page: "Page") -> None:
    write(page, "Ada met Bo. Ada left.")
    box = page.locator("#marked .word").bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.up()
    page.mouse.down(click_count=2)  # selects the word, which a busy browser may see when it reads the first click
    page.evaluate("document.dispatchEvent(new PointerEvent('pointerup', { pointerType: 'mouse' }))")
    page.wait_for_selector("#marked .mention")
    page.mouse.up(click_count=2)

    page.evaluate("new Promise(done => setTimeout(done))")
    assert page.locator("#marked .picked").count() == 0


def test_places_count_code_points_and_text_keeps_its_direction_and_its_tags(page: "Page") -> None:
    text = '😀 Ann met <script>alert(1)</script> & שלום. 𝔸nn & Ann\nsaid "hi".'
    write(page, text)
    for name in ("Ann", "<script>alert(1)</script>", "שלום"):
        mark(page, name)

    asked = find(page)

    assert asked["text"] == text
    assert [[text[start:end] for start, end in entity["mentions"]] for entity in asked["entities"]] == [
        ["Ann", "Ann"],
        ["<script>alert(1)</script>"],
        ["שלום"],
    ]
    assert page.locator("#marked").inner_text() == text
    assert page.locator("#marked script").count() == 0


def test_mentions_are_grouped_removed_and_brought_back(page: "Page") -> None:
    mark_all(page)
    assert page.locator("#entities > li").count() == 2
    page.get_by_label(f"Entity of “{HALLORAN}”").select_option("")
    assert page.locator("#entities > li").count() == 3
    page.get_by_label("Type of entity 1").fill("PER")
    page.get_by_label(f"Remove “{EMEKA}”").click()
    assert names(page) == [LUCIA, HALLORAN]
    page.get_by_role("button", name="Undo").click()
    assert names(page) == [LUCIA, EMEKA, HALLORAN]
    assert page.get_by_label("Type of entity 1").input_value() == "PER"
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#marked").text_content() == ""
    assert page.get_by_role("button", name="Find facts").is_disabled()
    page.keyboard.press("Control+z")
    assert names(page) == [LUCIA, EMEKA, HALLORAN]


def test_what_is_typed_around_mentions_leaves_them(page: "Page") -> None:
    mark_all(page)
    field = page.get_by_label("1. Text", exact=True)
    field.fill(f"Today: {TEXT}")
    field.fill(f"Today: {TEXT} Really.")
    assert names(page) == [LUCIA, EMEKA, HALLORAN]
    field.fill(f"Today: {TEXT} Really.".replace("Emeka", "Emek"))
    assert names(page) == [LUCIA, HALLORAN]


def test_other_text_drops_the_facts_that_were_found(page: "Page") -> None:
    mark_all(page)
    find(page)
    page.get_by_label("1. Text", exact=True).fill(f"{TEXT} More.")
    assert page.locator("#facts li").count() == 0
    assert page.locator("#facts-title").text_content() == "3. Facts"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (413, '{"error": "the body is larger than 20 bytes"}', "the body is larger than 20 bytes"),
        (503, '{"error": "the service is busy"}', "the service is busy"),
        (None, "", "The service does not respond. Is it still running?"),
    ],
)
def test_a_refusal_is_said(page: "Page", status: int | None, body: str, message: str) -> None:
    def answer(route: "Route") -> None:
        if status is None:
            route.abort()
        else:
            route.fulfill(status=status, body=body, content_type="application/json")

    mark_all(page)
    page.route("**/extract*", answer)
    find(page)
    assert page.get_by_role("alert").text_content() == message
    page.unroute("**/extract*")
    find(page)
    assert page.get_by_role("alert").count() == 0
    assert page.locator("#facts .fact").count() == 2


def test_the_service_itself_says_what_is_too_large(page: "Page") -> None:
    write(page, "word " * 5999 + "other")
    mark(page, "word")
    mark(page, "other")
    find(page)
    assert "6,000 words; expected at most 5,000" in (page.get_by_role("alert").text_content() or "")


def test_examples_are_marked_and_no_two_of_their_mentions_overlap(page: "Page") -> None:
    options = page.locator("#examples option").count()
    assert options > 3
    for index in range(options - 1):
        page.get_by_label("Example").select_option(str(index))
        asked = find(page)
        spans = sorted(span for entity in asked["entities"] for span in entity["mentions"])
        assert len(spans) > 5
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(page: "Page", width: int, scheme: Any, tmp_path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    mark_all(page)
    find(page)
    page.locator("#facts .fact").first.click()
    page.wait_for_selector(".details")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea')].filter(each => !each.ariaLabel &&"
        " !each.labels?.length && !each.textContent.trim()).length"
    )
    assert unnamed == 0
    picture = tmp_path / f"try-{width}-{scheme}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 0


def test_it_may_be_shown_in_no_frame_and_run_nothing_else(page: "Page", address: str) -> None:
    answer = page.request.get(address)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', answer.text())
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert os.sep + "atlop" + os.sep not in answer.text()


def test_a_service_that_recognises_marks_the_names_of_a_text(browser: "Browser", model_folder: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'atlop[serve]'")
    from tests.serving.test_server import started

    ner = ("--ner", "tests.inference.recognisers:known_names")
    with started("-m", "atlop", "serve", model_folder, "--port", 0, *ner) as server:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(server.url)
        write(page, NAMED)
        page.keyboard.press("Tab")  # leaves the field

        page.wait_for_selector("#entities li")
        assert names(page) == ["Lucia Vestergaard", "Port Lockroy", "Vestergaard", "Port Lockroy"]
        assert page.locator("#entities li").count() == 2
        assert page.get_by_label("Type of entity 1").input_value() == "PER"
        asked = find(page)
        assert [len(entity["mentions"]) for entity in asked["entities"]] == [2, 2]
        assert "Lucia Vestergaard" in (page.locator("#facts .fact").first.text_content() or "")

        page.get_by_label("Remove “Lucia Vestergaard”").click()
        for _ in range(2):
            page.get_by_label(re.compile("^Remove")).first.click()
        again = find(page)  # without marks, the service finds the names first
        assert [len(entity["mentions"]) for entity in again["entities"]] == [2, 2]
        write(page, "Nobody is named here.")
        page.keyboard.press("Tab")
        page.wait_for_selector("#problem:not([hidden])")
        assert page.get_by_role("alert").text_content() == (
            "The service finds no names in this text. Mark them yourself."
        )
        page.close()
