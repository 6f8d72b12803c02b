"""Spreadsheets of mentions and relations beside the texts."""

from pathlib import Path

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import read
from tests.corpora.formats.samples import TEXT, write_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tables(tmp_path)


def test_rows_with_the_same_entity_are_its_mentions(folder: Path) -> None:
    assert read(folder) == [(["Person: Nella Brun | She", "Firm: Siv Line"], ["Nella Brun > owns > Siv Line"])]
    [document] = read_corpus(folder)
    assert (document.title, document.text) == ("a", TEXT)
    assert [entity.identifier for entity in document.entities] == ["Nella", "Siv"]


def test_a_byte_order_mark_before_a_text_is_no_character_of_it(folder: Path) -> None:
    expected = read(folder)
    (folder / "texts/a.txt").write_bytes(f"\ufeff{TEXT}".encode())

    assert read(folder) == expected
    assert read_corpus(folder).documents[0].text == TEXT


def test_hidden_files_beside_the_texts_are_passed_over(folder: Path) -> None:
    (folder / "texts/._a.txt").write_bytes(b"\x00macOS\xff")

    assert [document.title for document in read_corpus(folder)] == ["a"]


def test_rows_without_an_entity_are_entities_of_their_own(folder: Path) -> None:
    (folder / "mentions.csv").write_text("document,start,end,entity\na,2,12,\na,32,35,\n", encoding="utf-8")
    (folder / "relations.csv").unlink()

    assert read(folder) == [([": Nella Brun", ": She"], None)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "mentions.csv",
            "document;start\n",
            r"mentions\.csv: column document, start, end is missing; found document;start",
        ),
        ("mentions.csv", "document,start,end\nb,1,2\n", r"line 2: names document .b., but there is no texts/b\.txt"),
        ("mentions.csv", "document,start,end\na,x,2\n", 'line 2: its start is "x"'),
        ("mentions.csv", "document,start,end\na,1,999\n", "line 2: the mention is at characters 1 to 999"),
        ("mentions.csv", "document,start,end\na,\xe4,2\n", "is not UTF-8; save the table"),
        (
            "relations.csv",
            "document,subject,object,relation\na,Nella,Nobody,owns\n",
            'relations.csv, line 2: its object is "Nobody", but no mention of a has this entity',
        ),
        (
            "relations.csv",
            "document,subject,object,relation\na,Nella,Siv,owns\na,Nella,Siv, \n",
            r"relations\.csv, line 3: its relation is blank; name it, or remove the row",
        ),
    ],
)
def test_an_invalid_table_says_what(folder: Path, name: str, content: str, problem: str) -> None:
    (folder / name).write_bytes(content.encode("latin-1"))

    with pytest.raises(AtlopError, match=problem):
        read(folder)


def test_a_folder_without_texts_is_refused(folder: Path) -> None:
    (folder / "texts/a.txt").unlink()

    with pytest.raises(AtlopError, match=r"expected texts in .*, named like skai\.txt; found none"):
        read(folder)
