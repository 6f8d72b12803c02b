"""Read the results of extraction from the files that it writes: JSON lines, CSV and Parquet."""

from collections.abc import Iterator
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.files import opened, read_lines, reading
from atlop.inference.facts import Extraction
from atlop.inference.tables import FORMULA_STARTS, SCHEMA, output_format
from atlop.json_values import typed
from atlop.parsing import parse_json

LINE = 'expected a line with "facts", as `atlop extract … --output facts.jsonl` writes'
TABLE = "expected a table with a row per fact, as `atlop extract … --output facts.csv` or `.parquet` writes"
_COLUMNS = [name for name in SCHEMA.names if name != "context"]
_CSV_BLOCK = 1 << 24  # bytes; no row may be longer


def read_facts(path: Path) -> Iterator[Extraction]:
    """Yield the results that extraction has written to a file, without invalid documents.

    Tables have no document without facts, and no count of mentions that were not read.

    Raises:
        AtlopError: The file cannot be read, or a line or a row is not such a result.
    """
    if output_format(path) == ".jsonl":
        for number, line in enumerate(read_lines(path), start=1):
            where = f"{path}, line {number}"
            record = parse_json_object(line, expected=LINE, where=where)
            if "error" not in record:
                yield _extraction(record, where=where, advice=LINE)
        return
    facts = (row for row in _rows(path) if row["error"] is None)
    for (document, title), rows in groupby(facts, key=lambda row: (row["document"], row["title"])):
        where = f"{path}, document {document}"
        record = {"document": document, "title": title or "", "facts": [_fact(row, where=where) for row in rows]}
        yield _extraction(record | {"unread_mentions": 0}, where=where, advice=TABLE)


def _extraction(record: dict[str, Any], *, where: str, advice: str) -> Extraction:
    result: Extraction = typed(record, Extraction, where=where, advice=advice)
    for fact in result:
        for number in (fact.margin, fact.probability, *(each.share for each in fact.evidence)):
            if number is not None and not isfinite(number):
                raise AtlopError(f"{where}: expected finite numbers, found {number}; {advice}")
    return result


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table; an empty cell is `None`."""
    is_csv = output_format(path) == ".csv"
    with reading(path):
        try:
            for batch in _csv_batches(path) if is_csv else _parquet_batches(path):
                for row in batch.to_pylist():
                    yield {key: _original(value) for key, value in row.items()} if is_csv else row
        except (pa.ArrowException, OSError) as error:
            raise AtlopError(f"{path}: {error}; {TABLE}") from None


def _csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with opened(path) as file:
        yield from pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=_CSV_BLOCK, use_threads=False),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=SCHEMA, include_columns=_COLUMNS, null_values=[""], strings_can_be_null=True
            ),
        )


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with opened(path) as content, pq.ParquetFile(content) as file:
        table = file.schema_arrow
        if wrong := [name for name in _COLUMNS if name not in table.names or table.field(name) != SCHEMA.field(name)]:
            raise AtlopError(f"{path}: has no column {wrong[0]!r} of type {SCHEMA.field(wrong[0]).type}; {TABLE}")
        yield from file.iter_batches(columns=_COLUMNS)


def _original(value: Any) -> Any:
    """Remove the apostrophe that keeps a spreadsheet from running a cell."""
    is_guarded = isinstance(value, str) and value.startswith("'") and value.lstrip("'").startswith(FORMULA_STARTS)
    return value[1:] if is_guarded else value


def _fact(row: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return a row as the JSON of a fact."""

    def nested(column: str) -> Any:
        return parse_json((row[column] or "").encode(), where=f'{where}, "{column}"')

    fact: dict[str, Any] = {key: row[key] for key in ("relation", "relation_name", "margin", "probability")}
    for role in ("subject", "object"):
        fact[role] = {key: row[f"{role}_{key}"] for key in ("entity", "id")}
        fact[role] |= {key: row[f"{role}_{key}"] or "" for key in ("name", "type")}
        fact[role]["mentions"] = nested(f"{role}_mentions")
    fact["evidence"] = nested("evidence")
    return fact
