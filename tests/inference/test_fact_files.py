"""Facts are read back from each file that extraction writes, and what is none of them is named with its line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")
pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")

import pyarrow as pa
import pyarrow.parquet as pq

from atlop.errors import AtlopError
from atlop.inference.facts import EvidenceSentence, ExtractedFact, Extraction, ExtractionError, Participant
from atlop.inference.graph import read_facts
from atlop.inference.tables import WRITERS, output_format

BONN = Participant(0, '=Bonn\r\n"so"', type="", id=None, mentions=((0, 4),))
GERMANY = Participant(1, "+Germany, 'FRG'", type="LOC", id="Q183", mentions=((8, 15), (20, 27)))
EVIDENCE = (EvidenceSentence(0, 0, 16, "=Bonn\nin Germany.", 0.9), EvidenceSentence(3, None, None, "", 0.25))
RESULTS: list[Any] = [
    Extraction(0, "first", (ExtractedFact(BONN, "P17", "country", GERMANY, 1.5, 0.7, EVIDENCE),), unread_mentions=0),
    ExtractionError(1, "document 1: has no entities"),
    Extraction(
        2,
        "",
        (
            ExtractedFact(GERMANY, "P36", "-capital", BONN, -0.5, None, ()),
            ExtractedFact(GERMANY, "P6", "'head", BONN, 0.5, None, ()),
            ExtractedFact(GERMANY, "P7", "'-ism", BONN, 0.5, None, ()),
        ),
        unread_mentions=0,
    ),
]
SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")


def written(folder: Path, *, suffix: str) -> Path:
    path = folder / f"facts{suffix}"
    WRITERS[output_format(path)](path, lines=[json.dumps(each.as_json()).encode() + b"\n" for each in RESULTS])
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_extraction_writes_is_read_back_without_invalid_documents(suffix: str, tmp_path: Path) -> None:
    assert list(read_facts(written(tmp_path, suffix=suffix))) == [RESULTS[0], RESULTS[2]]


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"facts.json: expected a name that ends in .jsonl, .csv, .parquet"):
        list(read_facts(tmp_path / "facts.json"))


def without(key: str) -> Any:
    """Return the JSON of a result without one of its keys."""
    record = json.loads(json.dumps(RESULTS[0].as_json()))
    *parents, last = key.split(".")
    holder = record
    for parent in parents:
        holder = holder[int(parent) if parent.isdecimal() else parent]
    del holder[last]
    return record


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"text": "Bonn"}, '"document": is missing'),
        (
            {"document": 0, "title": "t", "facts": [1], "unread_mentions": 0},
            '"facts.0": Input should be an object; found 1',
        ),
        (RESULTS[0].as_json() | {"title": 3}, '"title": Input should be a valid string; found 3'),
        *((without(key), f'"{key}": is missing') for key in ("title", "facts.0.subject", "facts.0.object.name")),
        *((without(key), f'"{key}": is missing') for key in ("facts.0.relation", "facts.0.margin", "facts.0.evidence")),
    ],
    ids=str,
)
def test_a_line_that_is_no_result_is_named_with_its_key(record: object, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_text('{"document": 0, "error": "bad"}\n' + json.dumps(record) + "\n", encoding="utf-8")

    with pytest.raises(AtlopError, match=re.escape(f'{path}, line 2, {problem}; expected a line with "facts"')):
        list(read_facts(path))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"relation_name", b"name", "'relation_name'"),
        (b"1.5", b"much", "much"),
        (b'[{""sentence', b'{""sentence', 'document 0, "evidence", line 1, column'),
        (b"first", b"\xff", "invalid UTF8"),
    ],
)
def test_a_csv_file_that_is_no_table_of_facts_is_one_message(
    old: bytes, new: bytes, problem: str, tmp_path: Path
) -> None:
    path = written(tmp_path, suffix=".csv")
    path.write_bytes(path.read_bytes().replace(old, new))

    with pytest.raises(AtlopError) as refused:
        list(read_facts(path))

    assert str(path) in str(refused.value)
    assert problem in str(refused.value)


def test_a_parquet_file_that_is_no_table_of_facts_is_one_message(tmp_path: Path) -> None:
    other, damaged = tmp_path / "other.parquet", tmp_path / "damaged.parquet"
    pq.write_table(pa.table({"document": [1]}), other)
    damaged.write_bytes(written(tmp_path, suffix=".parquet").read_bytes()[:-20])

    with pytest.raises(AtlopError, match=r"other.parquet: has no column 'title' of type string; expected a table"):
        list(read_facts(other))
    with pytest.raises(AtlopError, match=r"damaged.parquet: .*; expected a table with a row per fact"):
        list(read_facts(damaged))
