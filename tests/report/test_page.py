"""The page in a browser: everything that can be clicked and typed does what it says, and no text becomes HTML."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import serious_issues, tab_to
from tests.report.made_pages import DOCUMENTS, HOSTILE_TITLE, HOSTILE_WORDS, made_contents, made_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = len(DOCUMENTS) - 1


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(made_page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def window(browser: "Browser") -> "Iterator[tuple[Page, list[str]]]":
    """A page of the browser, and what the browser complains of in it."""
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else problems.append(sent.url))
    yield opened, problems
    opened.close()


@pytest.fixture
def page(window: "tuple[Page, list[str]]", address: str) -> "Iterator[Page]":
    """The report, just opened at its documents."""
    opened, problems = window
    opened.goto("about:blank")
    problems.clear()
    opened.goto(f"{address}#documents")
    yield opened
    assert problems == []


def facts() -> list[dict[str, Any]]:
    made: Any = made_contents()
    return [
        {**fact, "document": index, "relation": made["relations"][fact["relation"]]["id"]}
        for index, document in enumerate(made["documents"])
        for fact in document["facts"]
    ]


def found(page: "Page") -> int:
    """Return how many facts the page says pass the filters."""
    return int((page.locator("#found").text_content() or "").split()[0].replace(",", ""))


def recover(page: "Page") -> None:
    """Wait until the page has followed its address, which changes first."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def go(page: "Page", place: str) -> None:
    """Change the address behind the `#`."""
    page.goto(f"{page.url.partition('#')[0]}{place}")
    recover(page)


def choose(page: "Page", name: str, value: str) -> None:
    page.locator(f"#filters [name={name}]").select_option(value)


def hash_of(page: "Page") -> str:
    return str(page.evaluate("location.hash"))


def test_hostile_titles_and_words_are_shown_as_text(page: "Page") -> None:
    go(page, f"#document/{HOSTILE}")

    assert page.locator("#title").text_content() == HOSTILE_TITLE
    assert page.locator("#text .word").all_text_contents() == list(HOSTILE_WORDS)
    for view in ("scores", "relations", "suspects", "comparison", "documents"):
        page.click(f"header nav a[href='#{view}']")
        recover(page)
    assert page.evaluate("window.broken") is None
    assert page.locator("main b, main i, main img[src='x']").count() == 0
    assert page.locator("script").count() == 2 + len(DOCUMENTS)
    assert page.locator("figcaption").text_content() == "<A> picture."


@pytest.mark.parametrize("outcome", ["right", "missed", "reversed", "confused", "unrelated"])
def test_facts_are_filtered_by_outcome(page: "Page", outcome: str) -> None:
    choose(page, "outcome", outcome)

    assert found(page) == sum(fact["outcome"] == outcome for fact in facts())


def test_filters_by_relation_sentences_and_margin_come_together(page: "Page") -> None:
    page.locator("#filters [name=relation]").select_option(label="country (P1)")
    choose(page, "sentences", "within")
    page.fill("#filters [name=lowest]", "-1")
    page.fill("#filters [name=highest]", "2")

    chosen = [f for f in facts() if f["relation"] == "P1" and f["within"] and -1 <= f["margin"] <= 2]
    assert 0 < found(page) == len(chosen) < len(facts())
    assert page.locator("#documents a").count() == len({fact["document"] for fact in chosen})
    page.click("#filters button[type=reset]")
    page.wait_for_selector("#documents:not(:has(> :nth-child(13))) > :nth-child(12)", state="attached")
    assert found(page) == len(facts())


@pytest.mark.parametrize(("name", "pair"), [("gained", ("right", "missed")), ("lost", ("missed", "right"))])
def test_facts_that_one_result_gets_and_the_other_does_not(page: "Page", name: str, pair: tuple[str, str]) -> None:
    choose(page, "difference", name)

    assert found(page) == sum((fact["outcome"], fact["other"]) == pair for fact in facts())


def test_a_search_finds_titles_names_and_words(page: "Page") -> None:
    page.fill("#filters [name=search]", "W3.1.4")
    assert [text.rpartition(" ")[0] for text in page.locator("#documents a").all_text_contents()] == ["made 3"]
    page.fill("#filters [name=search]", "</SCRIPT>")
    assert page.locator("#title").text_content() == HOSTILE_TITLE
    page.fill("#filters [name=search]", "nowhere at all")
    assert page.locator("#documents a").count() == 0


def test_keys_go_through_facts_and_documents(page: "Page") -> None:
    page.keyboard.press("j")
    first = hash_of(page)
    assert first.startswith("#fact/")
    page.keyboard.press("ArrowDown")
    assert hash_of(page) != first
    page.keyboard.press("k")
    assert hash_of(page) == first
    page.keyboard.press("Escape")
    assert hash_of(page).startswith("#document/")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert hash_of(page) == f"#document/{int(first.split('/')[1]) + 1}"


def test_a_slash_goes_to_the_search_and_a_question_mark_to_help(page: "Page") -> None:
    page.click("header nav a[href='#scores']")
    recover(page)
    page.keyboard.press("/")
    page.wait_for_selector("[name=search]:focus")
    page.keyboard.type("j?")
    assert page.input_value("#filters [name=search]") == "j?"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#help").wait_for()
    page.keyboard.press("Escape")
    page.locator("#help").wait_for(state="hidden")


def test_a_link_opens_its_fact_with_mentions_evidence_shading_and_scores(page: "Page") -> None:
    go(page, f"#fact/{HOSTILE}/0/1/P1")

    assert page.locator("#facts [aria-current]").count() == 1
    details = page.locator(".details").inner_text()
    assert "country (P1)" in details
    assert page.locator("#text .mention.in-fact").count() == 2
    assert page.locator("#text .chip.found").all_inner_texts() == ["• found evidence"]
    assert page.locator("#text .chip.gold").count() == 0
    shades = page.eval_on_selector_all("#text .word", "all => all.map(one => one.className)")
    assert shades[0] == "word"
    share = (len(shades) - 1) / sum(range(len(shades)))  # of the last word: its weight is its index
    assert shades[-1] == f"word shade-{sum(share >= lowest for lowest in (0.01, 0.02, 0.05, 0.1, 0.2))}"
    assert page.locator("#reading .swatch").count() == 5
    rows = page.locator(".classes tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["TH", "countrygold"]
    assert "2.00" in rows[1]


def test_a_link_to_a_fact_that_the_filters_hide_takes_them_away(page: "Page") -> None:
    choose(page, "outcome", "missed")
    page.evaluate(f"location.hash = '#fact/{HOSTILE}/0/1/P1'")
    page.wait_for_selector(".details")

    assert page.input_value("#filters [name=outcome]") == ""


def test_a_fact_that_no_longer_passes_is_closed(page: "Page") -> None:
    go(page, f"#fact/{HOSTILE}/0/1/P1")
    choose(page, "outcome", "missed")

    assert hash_of(page) == f"#document/{HOSTILE}"
    assert page.locator(".details").count() == 0


def test_an_address_of_nothing_shows_a_document_or_the_scores(page: "Page") -> None:
    for address in (
        "#fact/999/0/0/P1",
        "#fact/0/7/7/%E0%A4%A",
        "#document/-3",
        "#document/x",
        "#document/1.5",
        "#nothing",
    ):
        page.evaluate(f"location.hash = '{address}'")
        page.wait_for_timeout(20)
    page.locator("#view-scores").wait_for()


def test_the_graph_has_an_arrow_for_each_fact_that_leads_to_it(page: "Page") -> None:
    go(page, f"#document/{HOSTILE}")

    arrows = page.locator("#graph .arrow")
    assert arrows.count() == page.locator("#facts > li").count() == 4
    assert page.locator("#graph .node").count() == 3
    page.locator("#graph .arrow.missed").dispatch_event("click")
    page.wait_for_selector(".details")
    assert page.locator(".details dd").first.text_content() == "missed"
    assert page.locator("#graph .arrow.chosen.missed").count() == 1


def test_an_entity_marks_all_its_mentions(page: "Page") -> None:
    go(page, "#document/0")
    page.locator("#entities button").nth(1).click()

    assert page.locator("#text .mention.picked").count() > 0
    assert page.locator("#entities [aria-pressed=true]").count() == 1
    picked = page.eval_on_selector_all("#text .mention.picked", "all => all.map(one => one.dataset.entity)")
    assert set(picked) == {"1"}


@pytest.mark.parametrize("column", ["F1", "Support", "Wrong", "Missed"])
def test_relations_sort_by_each_number_both_ways(page: "Page", column: str) -> None:
    page.click("header nav a[href='#relations']")
    recover(page)
    titles = page.locator("#view-relations thead th").all_inner_texts()
    place = [title.split(" ↓")[0] for title in titles].index(column)

    def values() -> list[float]:
        texts = page.locator(f"#view-relations tbody tr > :nth-child({place + 1})").all_inner_texts()
        return [float(text.replace(",", "")) for text in texts]

    page.locator("#view-relations thead th").nth(place).locator("button").click()
    once = values()
    page.locator("#view-relations thead th").nth(place).locator("button").click()
    twice = values()
    assert len(set(once)) > 1
    assert sorted(once) in (once, twice)
    assert sorted(once, reverse=True) in (once, twice)


def test_a_count_in_the_table_leads_to_its_facts(page: "Page") -> None:
    page.click("header nav a[href='#relations']")
    recover(page)
    link = page.get_by_label("Missed: ").first
    expected = int(link.inner_text())
    link.click()
    recover(page)

    page.locator("#view-documents").wait_for()
    assert found(page) == expected


def test_the_scores_are_those_of_the_data(page: "Page") -> None:
    page.click("header nav a[href='#scores']")
    recover(page)
    made: Any = made_contents()

    for number, result in enumerate(made["results"]):
        assert page.locator(".tiles").nth(number).locator("dd").first.inner_text().startswith(
            f"{100 * result['scores']['f1']:.2f}"
        )  # fmt: skip
    page.click("header nav a[href='#comparison']")
    recover(page)
    p = made["comparison"]["all"]["all"]["f1"]["p"]
    assert page.locator("#view-comparison tbody tr").first.inner_text().split()[-1] == f"{p:.4f}"


def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(browser: "Browser", address: str) -> None:
    for scheme in ("light", "dark"):
        phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        for view in ("scores", "relations", "suspects", "comparison", "documents", f"fact/{HOSTILE}/0/1/P1"):
            phone.goto(f"{address}#{view}")
            assert phone.evaluate("document.documentElement.scrollWidth") <= 390, view
        nameless = phone.evaluate(
            "[...document.querySelectorAll('button, input, select, a')].filter(one => !(one.textContent.trim() || "
            "one.ariaLabel || one.labels?.[0]?.textContent.trim())).map(one => one.outerHTML)"
        )
        assert nameless == []
        phone.close()


def test_light_and_dark_can_be_changed(page: "Page") -> None:
    def colour() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    before = colour()
    page.click("#theme")
    assert colour() != before
    page.click("#theme")
    assert colour() == before


def test_gold_and_found_evidence_are_told_apart(page: "Page") -> None:
    only_gold = "opened(DATA.documents[11]).facts.find(fact => fact.gold.length && !fact.found.length)"
    go(page, str(page.evaluate(f"factLink({only_gold})")))
    assert page.locator("#text .chip").all_inner_texts() == ["○ gold evidence"]
    assert page.locator("#text .sentence.gold:not(.found)").count() == 1

    page.evaluate(f"{only_gold}.found = [0]")
    page.evaluate("showDocument()")
    assert page.locator("#text .chip").all_inner_texts() == ["✓ gold and found evidence"]
    assert page.locator("#text .sentence.gold.found").count() == 1


def test_the_text_of_a_document_is_parsed_when_it_is_looked_at(page: "Page", address: str) -> None:
    parsed = "DATA.documents.filter(doc => doc.sentences).length"
    page.goto("about:blank")
    page.goto(f"{address}#relations")
    assert page.evaluate(parsed) == 0
    go(page, "#document/3")
    assert page.evaluate(parsed) == 1
    page.fill("#filters [name=search]", "w3.1.4")
    assert page.evaluate(parsed) == len(DOCUMENTS)


def test_what_is_known_of_a_model_stands_above_its_scores(page: "Page") -> None:
    go(page, "#scores")

    rows = page.locator("#headlines .about").first.locator("div").all_inner_texts()
    assert [row.split("\n") for row in rows] == [["Encoder", "<tiny>"], ["Epochs", "4"]]


def test_suspects_are_what_the_model_denies_and_asserts_most_firmly(page: "Page") -> None:
    go(page, "#suspects")

    denied = sorted(fact["margin"] for fact in facts() if fact["outcome"] == "missed")
    asserted = sorted(
        (f["margin"] for f in facts() if f["outcome"] in ("reversed", "confused", "unrelated")), reverse=True
    )
    for number, margins in enumerate((denied, asserted)):
        rows = page.locator("#view-suspects table").nth(number).locator("tbody tr")
        shown = [float(text.replace("−", "-")) for text in rows.locator("td:nth-child(2)").all_inner_texts()]
        assert shown == pytest.approx(margins[:100], abs=0.01)
    page.locator("#view-suspects tbody a").first.click()
    page.wait_for_selector(".details")
    assert page.locator(".details dd").first.text_content() == "missed"


def test_a_table_that_is_cut_says_that_it_scrolls(page: "Page") -> None:
    go(page, "#relations")
    hint = page.locator("#view-relations .hint")
    assert not hint.is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    hint.wait_for()
    page.set_viewport_size({"width": 1280, "height": 800})


def test_the_whole_way_goes_by_keys_alone(page: "Page") -> None:
    go(page, "#scores")
    tab_to(page, "Documents")
    page.keyboard.press("Enter")
    page.locator("#view-documents").wait_for()
    tab_to(page, "Outcome")
    page.keyboard.press("r")  # right
    assert page.input_value("#filters [name=outcome]") == "right"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.wait_for_selector(".details")
    assert page.locator(".details dd").first.text_content() == "right"


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_bars_people(browser: "Browser", address: str, scheme: Any, width: int) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    found = {}
    for view in ("scores", "relations", "suspects", "comparison", "documents", f"fact/{HOSTILE}/0/1/P1"):
        opened.goto(f"{address}#{view}")
        found[view] = serious_issues(opened)
    opened.click("#help-button")
    found["help"] = serious_issues(opened)
    opened.close()
    assert not any(found.values()), found
