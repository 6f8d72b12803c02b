"""What a notebook or a console shows of facts, and facts as a table of pandas."""

import sys
from html.parser import HTMLParser

import pytest

from atlop.errors import AtlopError
from atlop.inference import EvidenceSentence, ExtractedFact, Extraction, ExtractionError, Participant, RelationExtractor
from atlop.inference.tables import SCHEMA
from tests.inference.texts import ENTITIES, TEXT

TAG = "<script>alert('&')</script>"
BONN = Participant(0, "Bonn", type="LOC", id="Q586", mentions=((0, 4),))
STRANGE = Participant(1, f'{TAG}\n"', type="<LOC>", id=None, mentions=((8, 15),))
EVIDENCE = (EvidenceSentence(0, 0, 5, TAG, share=0.25), EvidenceSentence(2, 9, 12, "It", share=0.5))
FACT = ExtractedFact(BONN, "P17", "country", STRANGE, 1.5, None, EVIDENCE)
CALIBRATED = ExtractedFact(STRANGE, f'"{TAG}', f'"{TAG}', BONN, -0.25, 0.7, ())


class Cells(HTMLParser):
    """Collects the text of each element of a page, and which elements there are."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_fact_is_shown_in_a_line() -> None:
    assert repr(FACT).startswith("ExtractedFact('Bonn', 'country', ")
    assert repr(FACT).endswith(", margin=1.50)")
    assert len(repr(FACT).splitlines()) == 1
    assert repr(CALIBRATED).endswith(", 'Bonn', margin=-0.25, probability=0.70)")


def test_a_notebook_shows_facts_as_a_table_in_which_nothing_of_a_document_runs() -> None:
    found = Extraction(0, f"About {TAG}", (FACT, CALIBRATED), unread_mentions=3)

    page = Cells(found._repr_html_())

    assert set(page.tags) == {"table", "caption", "tr", "th", "td", "span", "small", "p"}
    assert page.tags.count("td") == 2 * page.tags.count("th") == 12
    for text in (
        f"About {TAG}: 2 facts",
        f"{TAG}\n",
        "<LOC>",
        f'"{TAG}',
        "1.50",
        "0.70",
        "0 (25%), 2 (50%)",
        "3 mentions are beyond",
    ):
        assert text in page.text


def test_one_fact_is_a_table_of_one_row() -> None:
    page = Cells(FACT._repr_html_())

    assert page.tags.count("tr") == 2
    assert "probability" not in page.text


def test_a_text_without_facts_says_so() -> None:
    assert Cells(Extraction(0, "Empty", (), unread_mentions=0)._repr_html_()).text == "Empty: 0 facts"


def test_what_a_text_gives_is_a_sequence(extractor: RelationExtractor) -> None:
    found = extractor(TEXT, ENTITIES, title="Archive")

    assert found.title == "Archive"
    assert len(found) == len(found.facts) > 0
    assert (found[0], found[-1:], list(found)) == (found.facts[0], found.facts[-1:], list(found.facts))
    assert not extractor(TEXT, [])


def test_a_data_frame_has_the_columns_of_the_files(extractor: RelationExtractor) -> None:
    pytest.importorskip("pandas", reason="needs pandas: pip install 'atlop[pandas]'")
    results = list(extractor.pipe([(TEXT, ENTITIES), (TEXT, [[(0, 1000)]]), (TEXT, [])]))
    assert isinstance(results[0], Extraction)
    assert isinstance(results[1], ExtractionError)

    table = extractor.to_dataframe(results)

    assert list(table.columns) == SCHEMA.names
    assert len(table) == len(results[0]) + 1
    assert list(table["margin"][:-1]) == [fact.margin for fact in results[0]]
    assert table["error"].iloc[-1] == results[1].message
    assert extractor.to_dataframe(results[0]).equals(extractor.to_dataframe([results[0]]))
    assert extractor.to_dataframe([]).empty


def test_without_pandas_a_data_frame_is_one_message(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(AtlopError, match=r"needs pandas: pip install 'atlop\[pandas\]'"):
        extractor.to_dataframe([])


def test_a_data_frame_of_single_facts_is_refused(extractor: RelationExtractor) -> None:
    facts: list[object] = [*extractor(TEXT, ENTITIES)]

    with pytest.raises(AtlopError, match=r"expected what the extractor returns .*; found ExtractedFact\("):
        extractor.to_dataframe(facts)  # type: ignore[arg-type]
