"""What one does with the page of the service."""

from typing import TYPE_CHECKING, Any

from tests.inference.texts import TEXT

if TYPE_CHECKING:
    from playwright.sync_api import Page

LUCIA, EMEKA, HALLORAN = "Lucia Vestergaard", "Emeka Halloran", "Halloran"
"""The mentions of `TEXT`."""


def write(page: "Page", text: str) -> None:
    """Write a text in place of the example."""
    page.get_by_role("button", name="Clear").click(force=True)  # also where there is nothing to clear
    page.get_by_label("1. Text", exact=True).fill(text)


def mark(page: "Page", name: str) -> None:
    """Select a name in the field, as with Shift and the arrow keys, and press the button."""
    page.evaluate(
        "name => { const field = byId('text'); const start = field.value.lastIndexOf(name);"
        " field.focus(); field.setSelectionRange(start, start + name.length); }",
        name,
    )
    page.get_by_role("button", name="Mark").click()


def mark_all(page: "Page") -> None:
    """Mark the two entities of `TEXT` as its author did."""
    write(page, TEXT)
    for name in (LUCIA, EMEKA, HALLORAN):
        mark(page, name)
    page.get_by_label(f"Entity of “{HALLORAN}”").select_option("1")


def find(page: "Page") -> dict[str, Any]:
    """Press the button and return what the service was asked."""
    with page.expect_request("**/extract*") as sent:
        page.get_by_role("button", name="Find facts").click()
    page.wait_for_selector("#answer:not([aria-busy])")
    asked = sent.value.post_data_json
    assert isinstance(asked, dict)
    return asked


def names(page: "Page") -> list[str]:
    """Return the texts of the mentions, in the order of the text."""
    return page.locator("#marked .mention").all_text_contents()
