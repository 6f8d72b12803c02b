"""DocRED as Hugging Face's datasets hold it: labels in columns, in JSON lines and Parquet."""

from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import FORMATS, IssueCollector, read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import DOCRED_COLUMNS, json_bytes, parquet

DESCRIBED = (["PER: Nella Brun | She", "ORG: Siv Line"], ["Nella Brun > P1 > Siv Line"])
EMPTY = DOCRED_COLUMNS | {"labels": {key: [] for key in DOCRED_COLUMNS["labels"]}}


@pytest.mark.parametrize("content", [json_bytes(DOCRED_COLUMNS), parquet([DOCRED_COLUMNS])], ids=["lines", "parquet"])
def test_labels_in_columns_are_facts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"

    assert read(path, content) == [DESCRIBED]
    [document] = read_corpus(path)
    assert [fact.evidence for fact in document.facts or ()] == [(0,)]
    assert (document.title, document.text, document.entities[1].mentions[0].end) == ("c", None, 6)


def test_labels_may_also_be_a_list_of_objects(tmp_path: Path) -> None:
    labels = [{"head": 0, "tail": 1, "relation_id": "P1", "relation_text": "owns", "evidence": [0]}]

    assert read(tmp_path / "a.jsonl", json_bytes(DOCRED_COLUMNS | {"labels": labels})) == [DESCRIBED]


def test_a_file_without_any_fact_is_a_test_split(tmp_path: Path) -> None:
    for content in (json_bytes(EMPTY), parquet([EMPTY | {"labels": None}])):
        assert read(tmp_path / "a", content) == [(DESCRIBED[0], None)]
        assert any("no document has a fact" in hint for hint in issues_of(tmp_path / "a").hints)
    both = json_bytes(EMPTY) + b"\n" + json_bytes(DOCRED_COLUMNS)
    assert [facts for _, facts in read(tmp_path / "a", both)] == [[], DESCRIBED[1]]


def test_files_of_the_library_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_list([DOCRED_COLUMNS, EMPTY])
    made.to_json(tmp_path / "a.jsonl")
    made.to_parquet(tmp_path / "a.parquet")

    assert read(tmp_path / "a.jsonl") == read(tmp_path / "a.parquet") == [DESCRIBED, (DESCRIBED[0], [])]


def test_lists_of_different_lengths_are_refused(tmp_path: Path) -> None:
    labels: dict[str, Any] = DOCRED_COLUMNS["labels"] | {"tail": []}  # type: ignore[operator]

    with pytest.raises(
        AtlopError, match=r'line 1 \("c"\), "labels": its lists have different lengths: head has 1, tail has 0'
    ):
        read(tmp_path / "a.jsonl", json_bytes(DOCRED_COLUMNS | {"labels": labels}))


def test_parquet_with_other_columns_or_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="expected the columns title, sents, vertexSet, labels; found text"):
        read(tmp_path / "a", parquet([{"text": "a"}]))
    with pytest.raises(AtlopError, match="cannot be read as Parquet"):
        read(tmp_path / "a", parquet([DOCRED_COLUMNS])[:-30])


def test_an_invalid_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(parquet([DOCRED_COLUMNS, DOCRED_COLUMNS | {"vertexSet": [[]]}]))
    issues = IssueCollector(invalid="skip")

    documents = list(FORMATS["docred_columns"].read(tmp_path / "a", issues=issues))

    assert len(documents) == 1
    assert issues.skipped[0].endswith('a, row 1 ("c"), entity 0: has no mentions; expected at least one')
