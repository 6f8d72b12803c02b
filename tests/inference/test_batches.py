"""Batches of documents get the facts that the extractor finds, in whichever form an engine has them."""

import json
import pickle
from typing import Any

import pyarrow as pa
import pytest

from atlop.errors import AtlopError
from atlop.inference import RelationExtractor
from atlop.inference.batches import ADDED, ExtractBatches
from tests.golden_values import golden_documents
from tests.inference.texts import plain_row

BROKEN = {"title": "broken", "text": "Short.", "entities": [{"mentions": [[0, 100]], "type": "PER"}]}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    documents = [plain_row(golden_documents()[index]) for index in (0, 1, 6)]
    return [{"id": f"Q{number}", **row} for number, row in enumerate([documents[0], BROKEN, *documents[1:]])]


@pytest.fixture(scope="module")
def extract(model_folder: Any) -> ExtractBatches:
    return ExtractBatches(str(model_folder))


@pytest.fixture(scope="module")
def expected(extractor: RelationExtractor, rows: list[dict[str, Any]]) -> list[Any]:
    """The facts of each row as JSON has them."""
    return [json.loads(json.dumps(result.as_json())).get("facts") for result in extractor.pipe(rows)]


def facts_of(table: Any) -> list[Any]:
    """The facts of each row of a table, without the null that stands for the context."""
    return [
        None if facts is None else [{key: value for key, value in fact.items() if key != "context"} for fact in facts]
        for facts in table["facts"].to_pylist()
    ]


def test_a_table_keeps_its_rows_and_gets_their_facts_or_what_is_wrong(
    extract: ExtractBatches, rows: list[dict[str, Any]], expected: list[Any]
) -> None:
    table = extract(pa.Table.from_pylist(rows))

    assert table.column_names == ["id", "title", "text", "entities", *ADDED.names]
    assert table["id"].to_pylist() == ["Q0", "Q1", "Q2", "Q3"]
    assert facts_of(table) == expected
    assert sum(map(len, filter(None, expected))) > 0
    problem = 'row 1 of its batch ("broken"), entity 0, mention 0: ends at character 100, but the text has 6 characters'
    assert table["error"].to_pylist() == [None, problem, None, None]
    assert table["unread_mentions"].null_count == 1


def test_a_second_pass_replaces_the_columns_of_the_first(extract: ExtractBatches, rows: list[dict[str, Any]]) -> None:
    table = extract(pa.Table.from_pylist(rows))

    assert extract(table) == table


def test_a_column_of_ones_own_is_not_lost(extract: ExtractBatches, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(AtlopError, match="the column 'error' has the name of one that is added"):
        extract(pa.Table.from_pylist([row | {"error": "unreadable scan"} for row in rows]))


def test_columns_by_name_give_columns_by_name(
    extract: ExtractBatches, rows: list[dict[str, Any]], expected: list[Any]
) -> None:
    columns = extract({name: [row[name] for row in rows] for name in ("id", "text", "entities")})

    assert [*columns] == ["id", "text", "entities", *ADDED.names]
    assert [None if facts is None else len(facts) for facts in columns["facts"]] == [
        None if facts is None else len(facts) for facts in expected
    ]


def test_context_is_added_on_demand(model_folder: Any, rows: list[dict[str, Any]]) -> None:
    table = ExtractBatches(str(model_folder), explain=True)(pa.Table.from_pylist(rows[:1]))

    assert table["facts"][0][0]["context"]["words"][0]["word"].as_py()


def test_a_recogniser_finds_the_entities_of_texts_alone(model_folder: Any) -> None:
    extract = ExtractBatches(str(model_folder), ner="tests.inference.recognisers:known_names")

    table = extract(pa.table({"text": ["Lucia Vestergaard left Port Lockroy.", "unreadable"]}))

    assert len(table["facts"][0]) > 0
    assert "known_names failed" in table["error"][1].as_py()


def test_a_process_loads_the_model_once(
    extract: ExtractBatches, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.Table.from_pylist(rows)
    before = extract(table)
    monkeypatch.setattr(RelationExtractor, "from_pretrained", None)

    again = pickle.loads(pickle.dumps(extract))(table)

    assert again == before


def test_columns_without_a_text_are_refused(extract: ExtractBatches) -> None:
    with pytest.raises(AtlopError, match="expected the columns text and entities; found id, body"):
        extract({"id": ["a"], "body": ["b"]})


def test_an_iterator_of_record_batches_is_taken_as_spark_gives_it(
    extract: ExtractBatches, rows: list[dict[str, Any]], expected: list[Any]
) -> None:
    given = pa.Table.from_pylist(rows).to_batches(max_chunksize=3)

    found = list(extract.map_in_arrow(iter(given)))

    assert all(isinstance(batch, pa.RecordBatch) for batch in found)
    assert facts_of(pa.Table.from_batches(found)) == expected


@pytest.mark.parametrize("processes", [None, pytest.param(2, marks=pytest.mark.long)])
def test_a_dataset_of_hugging_face_is_mapped(
    processes: int | None, extract: ExtractBatches, rows: list[dict[str, Any]], expected: list[Any]
) -> None:
    datasets: Any = pytest.importorskip("datasets", reason="needs datasets: pip install datasets")
    dataset = datasets.Dataset.from_list(rows).with_format("arrow")

    mapped = dataset.map(extract, batched=True, batch_size=2, num_proc=processes)

    assert mapped["id"].to_pylist() == ["Q0", "Q1", "Q2", "Q3"]
    assert facts_of(mapped[:]) == expected
