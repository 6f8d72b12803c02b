"""Label Studio's exports: several annotators, both units of offsets, line ends, and what is no text."""

import copy
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import ConversionLoss, find_writer, read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import LABEL_STUDIO, LABEL_STUDIO_MIN, TEXT, json_bytes

ENTITIES = ["Person: Nella Brun", "Firm: Siv Line", "Place: Arnfjord"]
FACTS = ["Nella Brun > owns > Siv Line", "Nella Brun > lives > Arnfjord"]


@pytest.fixture
def task() -> dict[str, Any]:
    return copy.deepcopy(LABEL_STUDIO[0])


def result(task: dict[str, Any], index: int) -> dict[str, Any]:
    found: dict[str, Any] = task["annotations"][0]["result"][index]
    return found


def test_regions_and_relations_are_read_in_any_order(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json_bytes(LABEL_STUDIO)) == [(ENTITIES, FACTS)]
    [document] = read_corpus(tmp_path / "a.json")
    assert (document.title, document.text) == ("5", TEXT)


def test_a_relation_goes_where_its_arrow_points(tmp_path: Path, task: dict[str, Any]) -> None:
    result(task, 0).update(direction="bi", labels=["owns", "runs"])
    result(task, 4).pop("direction")

    [(_, facts)] = read(tmp_path / "a.json", json_bytes([task]))

    assert facts == [
        "Nella Brun > owns > Siv Line",
        "Siv Line > owns > Nella Brun",
        "Nella Brun > runs > Siv Line",
        "Siv Line > runs > Nella Brun",
        "Arnfjord > lives > Nella Brun",
    ]


def test_one_annotation_of_several_counts_and_the_others_are_counted(tmp_path: Path, task: dict[str, Any]) -> None:
    [first] = task["annotations"]
    newer = first | {"id": 2, "updated_at": "2026-04-01T10:00:00Z", "result": first["result"][1:2]}
    cancelled = first | {"id": 3, "updated_at": "2026-05-01T10:00:00Z", "was_cancelled": True}
    task["annotations"] = [newer, first, cancelled]
    task["drafts"] = [first]

    assert read(tmp_path / "a.json", json_bytes([task])) == [(ENTITIES[:1], [])]
    assert issues_of(tmp_path / "a.json").left_out["annotations of tasks with several"] == 1
    assert issues_of(tmp_path / "a.json").left_out["cancelled annotations"] == 1
    first["ground_truth"] = True
    assert read(tmp_path / "a.json", json_bytes([task])) == [(ENTITIES, FACTS)]


def test_tasks_without_an_annotation_are_left_out_and_equal_ones_repeat(tmp_path: Path, task: dict[str, Any]) -> None:
    empty = task | {"id": 6, "annotations": [task["annotations"][0] | {"result": []}]}
    predicted = task | {"id": 7, "annotations": [], "predictions": task["annotations"]}

    assert read(tmp_path / "a.json", json_bytes([predicted, task, empty, task])) == [(ENTITIES, FACTS), ([], [])]
    issues = issues_of(tmp_path / "a.json")
    assert issues.left_out["tasks without an annotation"] == 1
    assert issues.duplicate_documents == 2  # the same task again, and the same text


def test_old_exports_have_completions(tmp_path: Path, task: dict[str, Any]) -> None:
    annotation = task["annotations"][0]
    old = {"id": 5, "data": task["data"], "completions": [annotation | {"skipped": True}, annotation]}

    assert read(tmp_path / "a.json", json_bytes([old])) == [(ENTITIES, FACTS)]


def test_each_annotation_has_its_unit_of_offsets(tmp_path: Path, task: dict[str, Any]) -> None:
    old = copy.deepcopy(task) | {"id": 6}
    for index in (1, 2, 3):
        value = result(old, index)["value"]
        value["start"], value["end"] = value["start"] + 1, value["end"] + 1  # the ship is two units of UTF-16

    assert read(tmp_path / "a.json", json_bytes([old, task])) == [(ENTITIES, FACTS)] * 2


def test_line_ends_stand_in_texts_as_backslash_and_n(tmp_path: Path, task: dict[str, Any]) -> None:
    task["data"] = {"text": "Nella\r\nBrun."}
    value = {"start": 0, "end": 11, "text": "Nella\\nBrun", "labels": ["Person", "Owner"]}
    task["annotations"][0]["result"] = [{"id": "a", "type": "labels", "value": value}]

    assert read(tmp_path / "a.json", json_bytes([task])) == [(["Person: Nella\r\nBrun"], [])]
    assert issues_of(tmp_path / "a.json").left_out["further labels of regions"] == 1


def test_the_text_is_the_only_string_in_which_the_regions_fit(tmp_path: Path, task: dict[str, Any]) -> None:
    task["data"] = {"id": "x", "body": TEXT, "title": "Nothing of it"}
    assert read(tmp_path / "a.json", json_bytes([task])) == [(ENTITIES, FACTS)]
    task["data"]["copy"] = TEXT
    assert read(tmp_path / "a.json", json_bytes([task])) == [(ENTITIES, FACTS)]
    task["data"] |= {"title": f"{TEXT} More."}
    with pytest.raises(AtlopError, match=r"task 5: several strings fit its regions \(body, title, copy\)"):
        read(tmp_path / "a.json", json_bytes([task]))
    task["annotations"][0]["result"] = []
    assert read(tmp_path / "a.json", json_bytes([task])) == [([], [])]


def test_results_without_a_span_are_passed_over(tmp_path: Path, task: dict[str, Any]) -> None:
    span = {"start": 2, "end": 12, "text": "Nella Brun"}
    task["annotations"][0]["result"] += [
        {"id": "a", "type": "choices", "value": span | {"choices": ["sure"]}},
        {"id": "a", "type": "textarea", "value": {"text": ["a note"]}},
        {"id": "a", "type": "labels", "value": span | {"labels": ["Owner"]}},
    ]

    assert read(tmp_path / "a.json", json_bytes([task])) == [(ENTITIES, FACTS)]
    left_out = issues_of(tmp_path / "a.json").left_out
    assert (left_out["choices results"], left_out["textarea results"], left_out["further labels of regions"]) == (
        1,
        1,
        1,
    )


@pytest.mark.parametrize("kind", ["rectanglelabels", "hypertextlabels", "paragraphlabels"])
def test_what_is_no_plain_text_is_refused(tmp_path: Path, task: dict[str, Any], kind: str) -> None:
    result(task, 1)["type"] = kind

    with pytest.raises(AtlopError, match=f'task 5: has a result of type "{kind}"'):
        read(tmp_path / "a.json", json_bytes([task]))


@pytest.mark.parametrize(
    ("index", "change", "problem"),
    [
        (0, {"to_id": "gone"}, "task 5: the relation from a to gone names region gone"),
        (0, {"labels": []}, "has no label"),
        (0, {"direction": "up"}, 'has the direction "up"'),
        (1, {"value": {"start": 3, "end": 13, "text": "Nella Brun", "labels": ["P"]}}, 'region a is "Nella Brun", but'),
        (2, {"id": "a"}, "region a stands twice"),
    ],
)
def test_an_invalid_task_says_what(
    tmp_path: Path, task: dict[str, Any], index: int, change: dict[str, Any], problem: str
) -> None:
    result(task, index).update(change)

    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "a.json", json_bytes([task]))


def test_json_min_has_no_relations(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json_bytes(LABEL_STUDIO_MIN)) == [(ENTITIES[:1], None)]
    assert any('export "JSON"' in hint for hint in issues_of(tmp_path / "a.json").hints)


def test_predictions_are_written_as_label_studio_imports_them(tmp_path: Path) -> None:
    source, output = tmp_path / "a.json", tmp_path / "tasks.json"
    source.write_bytes(json_bytes(LABEL_STUDIO))

    losses = find_writer(output, format="labelstudio")(output, documents=read_corpus(source))

    import json

    [task] = json.loads(output.read_text(encoding="utf-8"))
    [prediction] = task["predictions"]
    assert task["data"] == {"text": TEXT, "title": "5"}
    assert [each["type"] for each in prediction["result"]] == ["labels"] * 3 + ["relation"] * 2
    assert prediction["result"][0] == {
        "id": "0-0",
        "type": "labels",
        "from_name": "label",
        "to_name": "text",
        "value": {"start": 2, "end": 12, "text": "Nella Brun", "labels": ["Person"]},
    }
    assert (prediction["result"][3]["from_id"], prediction["result"][3]["to_id"]) == ("0-0", "1-0")
    assert dict(losses) == {"boundaries of sentences and words, which readers find again": 1}
    submitted = [task | {"annotations": [{"result": prediction["result"]}], "predictions": []}]
    assert read(tmp_path / "submitted.json", json_bytes(submitted)) == [(ENTITIES, FACTS)]
    assert read(output) == []


def test_mentions_without_a_type_are_counted_where_they_get_one(tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", tmp_path / "tasks.json"
    source.write_text('{"text": "Jon left.", "entities": [{"mentions": [[0, 3]]}]}\n', encoding="utf-8")

    losses = find_writer(output, format="labelstudio")(output, documents=read_corpus(source))

    assert losses[ConversionLoss.NAME] == 1
    assert '"labels": ["Entity"]' in output.read_text(encoding="utf-8")
