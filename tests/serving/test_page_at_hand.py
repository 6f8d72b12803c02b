"""The page of the service under fingers: keys, focus, a phone, and what goes wrong."""

from typing import TYPE_CHECKING

from tests.serving.page_actions import EMEKA, HALLORAN, find, mark_all

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_focus_stays_where_one_works(page: "Page") -> None:
    def focused() -> str:
        return str(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))

    mark_all(page)
    find(page)
    page.locator("#facts .fact").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".details")
    assert page.evaluate("document.activeElement === document.querySelector('#facts [aria-current]')")

    page.get_by_label("Entity 1", exact=True).focus()
    page.keyboard.press("Enter")
    assert focused() == "Entity 1"
    page.get_by_label(f"Remove “{EMEKA}”").focus()
    page.keyboard.press("Enter")
    assert focused() == f"Remove “{HALLORAN}”"


def test_arrow_keys_scroll_until_there_are_facts_to_go_through(page: "Page") -> None:
    page.evaluate("addEventListener('keydown', event => { window.isTaken = event.defaultPrevented; })")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("window.isTaken") is False
    mark_all(page)
    find(page)
    page.locator("body").press("ArrowDown")
    page.wait_for_selector(".details")
    assert page.evaluate("window.isTaken") is True


def test_on_a_phone_the_shaded_text_stays_in_view_with_its_fact(page: "Page") -> None:
    page.set_viewport_size({"width": 390, "height": 600})
    mark_all(page)
    find(page)
    page.locator("#facts .fact").last.click()
    page.wait_for_selector(".details")

    page.locator(".details").evaluate("each => each.scrollIntoView({ block: 'end' })")
    text, fact = page.locator("#marked").bounding_box(), page.locator(".details").bounding_box()
    assert text
    assert fact
    assert text["y"] == 0
    assert fact["y"] + fact["height"] <= 601


def test_a_failure_and_a_mark_of_nothing_are_said(page: "Page") -> None:
    page.get_by_role("button", name="Mark").click()
    assert "Nothing is selected" in (page.get_by_role("alert").text_content() or "")
    mark_all(page)
    page.route("**/extract*", lambda route: route.fulfill(status=500, body="Internal Server Error"))
    find(page)
    assert page.get_by_role("alert").text_content() == "The service failed (500)."
