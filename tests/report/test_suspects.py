"""The page of suspect labels: counts, text in parts, and nothing of a corpus becomes HTML."""

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from atlop.evaluation import suspect_record
from atlop.evaluation.suspects import Suspect
from atlop.report import render_suspects
from tests.made_documents import document
from tests.report.made_pages import HOSTILE, HOSTILE_TITLE

NESTED = document(
    "The University of Paris is in Paris .", "It rains .", "Nobody knows Paris .",
    entities=[[(0, 1, 4)], [(0, 3, 4), (0, 6, 7), (2, 2, 3)]], facts=[(0, 1, "P131")], title="paris",
)  # fmt: skip
DOCUMENTS = [NESTED, HOSTILE]


NAMES = {"P131": "located in", "P17": "<country>"}


class Marked(HTMLParser):
    """Collects elements by tag, and the text of mentions."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.mentions: list[str] = []
        self._is_mention = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_mention = tag == "span" and "mention" in (dict(attrs).get("class") or "")

    def handle_data(self, data: str) -> None:
        if self._is_mention:
            self.mentions.append(data)
        self._is_mention = False


def page(*, denied: Sequence[Suspect] = (), asserted: Sequence[Suspect] = ()) -> str:
    def records(suspects: Sequence[Suspect]) -> list[dict[str, Any]]:
        return [suspect_record(each, document=DOCUMENTS[each.document], names=NAMES) for each in suspects]

    content = {"denied": records(denied), "asserted": records(asserted), "labels": 1234}
    counts = {"denied_count": len(denied), "asserted_count": len(asserted)}
    return render_suspects(content | counts, documents=DOCUMENTS, names=NAMES, title=f"{HOSTILE_TITLE} \ud800")


def test_a_suspect_has_its_names_margin_and_text_in_parts() -> None:
    text = page(denied=[Suspect(0, 0, 1, "P131", -4.25, ("P131",), ("P17",), doubt=1.5)])

    assert "1 of 1,234 labels" in text
    assert "−4.25" in text
    assert "doubt 1.50 · document 0" in text
    assert "labelled: located in · asserted: &lt;country&gt;" in text
    assert Marked(text).mentions == ["University of", "Paris", "Paris", "Paris"]
    assert text.count('<p class="sentence"') == 2
    assert text.count('<p class="gap">') == 1
    assert "It rains" not in text


def test_hostile_titles_and_words_stay_text() -> None:
    made = Marked(page(asserted=[Suspect(1, 0, 1, "<i>P7</i>\udfff", 2.0, (), ("<i>P7</i>\udfff",))]))

    assert made.tags.count("script") == 1
    assert not {"img", "b", "i"} & set(made.tags)
    assert "<img src=x" in "".join(made.mentions)


def test_a_page_without_suspects_says_so() -> None:
    assert "0 of 1,234 labels; here are 0" in page()
