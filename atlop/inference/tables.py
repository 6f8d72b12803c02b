"""Write results of extraction: JSON lines with a line per document, CSV and Parquet with a row per fact."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from atlop.errors import AtlopError
from atlop.files import atomic_path, atomic_text
from atlop.inference.facts import Extraction, ExtractionError, ExtractionResult

SCHEMA = pa.schema(
    [
        ("document", pa.int64()),
        ("title", pa.string()),
        *((f"subject_{key}", kind) for key, kind in (("entity", pa.int32()), ("name", pa.string()))),
        *((f"subject_{key}", pa.string()) for key in ("type", "id", "mentions")),
        ("relation", pa.string()),
        ("relation_name", pa.string()),
        *((f"object_{key}", kind) for key, kind in (("entity", pa.int32()), ("name", pa.string()))),
        *((f"object_{key}", pa.string()) for key in ("type", "id", "mentions")),
        ("margin", pa.float64()),
        ("probability", pa.float64()),
        ("evidence", pa.string()),
        ("context", pa.string()),
        ("error", pa.string()),
    ]
)
"""Columns of the tables. `mentions`, `evidence` and `context` are JSON. An invalid document has a row with `document`
and `error` only; a document without facts has no row."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of cells that spreadsheets evaluate; some also read the full-width characters so."""
_LINES_PER_CHUNK = 256


@dataclass
class ExtractionCounts:
    """Counts over extracted documents."""

    documents: int = 0
    facts: int = 0
    errors: int = 0
    """Invalid documents."""
    unread_mentions: int = 0
    """Mentions beyond the model's maximum length."""
    first_error: str | None = None

    @classmethod
    def from_result(cls, result: ExtractionResult) -> "ExtractionCounts":
        """Return the counts of one document."""
        if isinstance(result, ExtractionError):
            return cls(documents=1, errors=1, first_error=result.message)
        return cls(documents=1, facts=len(result.facts), unread_mentions=result.unread_mentions)

    def add(self, later: "ExtractionCounts") -> None:
        """Add the counts of later documents."""
        self.documents += later.documents
        self.facts += later.facts
        self.errors += later.errors
        self.unread_mentions += later.unread_mentions
        self.first_error = self.first_error or later.first_error


Apply: TypeAlias = Callable[..., Iterable[Any]]
"""`map`, or what does the same in processes."""

ExtractionWriter: TypeAlias = Callable[..., None]
"""Writes a file atomically from `lines`, the JSON of `as_json` of each result; `apply` converts chunks of them."""


def write_json_lines(path: Path, *, lines: Iterable[bytes], apply: Apply = map) -> None:
    """Write a line per document."""
    with atomic_text(path) as file:
        file.writelines(line.decode() for line in lines)


def write_csv(path: Path, *, lines: Iterable[bytes], apply: Apply = map) -> None:
    """Write a header and a row per fact; an apostrophe precedes a text that a spreadsheet would take for a formula."""
    with atomic_text(path) as file:
        csv.DictWriter(file, SCHEMA.names).writeheader()
        file.writelines(apply(_csv_text, _chunks(lines)))


def write_parquet(path: Path, *, lines: Iterable[bytes], apply: Apply = map) -> None:
    """Write a row per fact, in chunks of some thousands."""
    with atomic_path(path) as temporary:
        opened: AbstractContextManager[Any] = pq.ParquetWriter(temporary, SCHEMA)
        with opened as writer:
            for table in apply(_table, _chunks(lines)):
                writer.write_table(table)


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    lines = iter(lines)
    while chunk := list(islice(lines, _LINES_PER_CHUNK)):
        yield chunk


def _csv_text(lines: list[bytes]) -> str:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, SCHEMA.names)  # ends lines as RFC 4180 says, so that it quotes each \r and \n
    for line in lines:
        for row in table_rows(json.loads(line)):
            writer.writerow({key: _inert(value) if isinstance(value, str) else value for key, value in row.items()})
    return text.getvalue()


def _table(lines: list[bytes]) -> pa.Table:
    rows = [row for line in lines for row in table_rows(json.loads(line))]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def arrow_table(results: Iterable[ExtractionResult]) -> pa.Table:
    """Return a table with a row per fact.

    Raises:
        AtlopError: A result is none.
    """
    rows: list[dict[str, Any]] = []
    for result in results:
        if not isinstance(result, Extraction | ExtractionError):
            raise AtlopError(f"expected what the extractor returns for a text or for each document; found {result!r}")
        rows += table_rows(result.as_json())
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def table_rows(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a document, without columns that have no value."""
    if "error" in result:
        yield {"document": result["document"], "error": result["error"]}
    for fact in result.get("facts", ()):
        row = {"document": result["document"], "title": result["title"]}
        for role in ("subject", "object"):
            row |= {f"{role}_{key}": value for key, value in fact[role].items()}
            row[f"{role}_mentions"] = _json(fact[role]["mentions"])
        row |= {key: fact[key] for key in ("relation", "relation_name", "margin", "probability")}
        row["evidence"] = _json(fact["evidence"])
        row["context"] = _json(fact["context"]) if "context" in fact else None
        yield row


def _inert(text: str) -> str:
    """Return a cell that no spreadsheet runs (OWASP, 'CSV Injection')."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text  # so that the reader can tell


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


WRITERS: dict[str, ExtractionWriter] = {".jsonl": write_json_lines, ".csv": write_csv, ".parquet": write_parquet}
"""Writer of each format, by file suffix."""


def output_format(path: Path) -> str:
    """Return the suffix that determines the format; `.jsonl.gz` and `.csv.gz` are compressed.

    Raises:
        AtlopError: The suffix is unknown.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix not in WRITERS or (suffix == ".parquet" and path.suffix == ".gz"):
        raise AtlopError(f"{path}: expected a name that ends in {', '.join(WRITERS)}")
    return suffix
