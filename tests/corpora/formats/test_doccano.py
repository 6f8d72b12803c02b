"""doccano's exports, new and old."""

import copy
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import DOCCANO, TEXT, json_bytes


def lines(*records: dict[str, Any]) -> bytes:
    return b"\n".join(map(json_bytes, records))


def test_relations_name_entities_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"

    assert read(path, lines(DOCCANO)) == [(["Person: Nella Brun", "Firm: Siv Line"], ["Nella Brun > owns > Siv Line"])]
    assert read_corpus(path).documents[0].title == "7"


def test_objects_may_be_printed_over_several_lines(tmp_path: Path) -> None:
    import json

    printed = "\n".join(json.dumps(DOCCANO | {"id": number}, indent=2) for number in (1, 2))

    read(tmp_path / "all.jsonl", "\ufeff" + printed)

    assert [document.title for document in read_corpus(tmp_path / "all.jsonl")] == ["1", "2"]
    with pytest.raises(AtlopError, match=r"line \d+, column 1: not valid JSON"):
        read(tmp_path / "all.jsonl", printed[:-1] + "]")


def test_windows_line_ends_stay_in_the_text_and_count_as_two(tmp_path: Path) -> None:
    record = {"id": 1, "text": "Ann.\r\nBo.", "entities": [{"id": 1, "label": "P", "start_offset": 6, "end_offset": 8}]}

    assert read(tmp_path / "all.jsonl", lines(record | {"relations": []})) == [(["P: Bo"], [])]


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "data": TEXT, "label": [[2, 12, "Person"]]},
        {"id": 1, "text": TEXT, "labels": [[2, 12, "Person"]], "meta": {}},
        {"id": 1, "text": TEXT, "annotations": [{"label": "Person", "start_offset": 2, "end_offset": 12, "user": 1}]},
        {"id": 1, "text": TEXT, "entities": [{"id": 3, "label": "Person", "start_offset": 2, "end_offset": 12}]},
    ],
)
def test_exports_without_relations_are_not_labelled(tmp_path: Path, record: dict[str, Any]) -> None:
    assert read(tmp_path / "all.json", lines(record)) == [(["Person: Nella Brun"], None)]


def test_a_number_is_no_name_of_a_type_and_further_annotators_are_counted(tmp_path: Path) -> None:
    spans = [{"label": 3, "start_offset": 2, "end_offset": 12, "user": user} for user in (1, 2)]

    assert read(tmp_path / "all.json", lines({"id": 1, "text": TEXT, "annotations": spans})) == [
        (["3: Nella Brun"], None)
    ]
    issues = issues_of(tmp_path / "all.json")
    assert issues.left_out == {"spans of further annotators": 1}
    assert any("have a number as type" in hint for hint in issues.hints)


def test_a_file_without_any_entity_is_hinted_at(tmp_path: Path) -> None:
    path = tmp_path / "unknown.jsonl"

    assert read(path, lines({"id": 1, "text": TEXT, "entities": [], "relations": []})) == [([], [])]
    assert any("mark the documents as finished" in hint for hint in issues_of(path).hints)


def test_shifted_offsets_show_as_cut_words(tmp_path: Path) -> None:
    record = copy.deepcopy(DOCCANO)
    for entity in record["entities"]:  # type: ignore[attr-defined]
        entity["start_offset"], entity["end_offset"] = entity["start_offset"] + 1, entity["end_offset"] + 1

    read(tmp_path / "all.jsonl", lines(record))

    assert any("mentions begin or end inside a word" in hint for hint in issues_of(tmp_path / "all.jsonl").hints)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"relations": [{"id": 1, "from_id": 90, "to_id": 2, "type": "x"}]},
            "line 1: relation 1 names entity 2, which",
        ),
        (
            {"entities": [{"id": 1, "label": "P", "start_offset": 2, "end_offset": 99}]},
            "entity 1 is at characters 2 to 99",
        ),
        ({"entities": [DOCCANO["entities"][0]] * 2}, "entity 91 stands twice"),  # type: ignore[index]
        ({"entities": None, "label": ["entities"]}, r'line 1, "label", item 0: expected \[start, end, label\]'),
        ({"text": 3}, '"text": expected a string'),
    ],
)
def test_an_invalid_line_says_what(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "all.jsonl", lines(DOCCANO | change))
