"""Read DocRED as Hugging Face's `datasets` write it: `labels` in columns, as JSON lines or Parquet.

`labels` is an object of lists of equal length: `head`, `tail`, `relation_id`, `relation_text`, `evidence`. A split
without labels has empty lists, so that a file without a single fact counts as unlabelled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.docred.reader import EXPECTED_KEYS, parse_docred
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.errors import AtlopError, reason_for
from atlop.files import opened
from atlop.schema import Document

_COLUMNS = ("title", "sents", "vertexSet", "labels")


def read_docred_columns(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file; one, or of Parquet one group of rows, is in memory.

    Raises:
        AtlopError: The file cannot be read or has other columns, or a document is invalid and `issues` is strict.
    """
    labelled = any(_has_fact(record) for _, record in _records(path, issues=IssueCollector(invalid="skip")))
    if not labelled:
        issues.add_hint("no document has a fact, so none counts as labelled")
    for name, record in _records(path, issues=issues):
        try:
            document, duplicate_count = parse_docred(record, where=f"{path}, {name}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(duplicate_count)
            yield document if labelled else replace(document, facts=None)


def _has_fact(record: dict[str, Any]) -> bool:
    labels = record.get("labels")
    return any(labels.values()) if isinstance(labels, dict) else bool(labels)


def _records(path: Path, *, issues: IssueCollector) -> Iterable[tuple[str, dict[str, Any]]]:
    return _rows(path) if is_parquet(FileStart(path)) else read_records(path, keys=EXPECTED_KEYS, issues=issues)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with opened(path) as source:
        try:
            file = pq.ParquetFile(source)
            columns = [column for column in _COLUMNS if column in file.schema_arrow.names]
            if columns[:3] != list(_COLUMNS[:3]):
                found = ", ".join(file.schema_arrow.names[:8]) or "none"
                raise AtlopError(f"{path}: expected the columns {', '.join(_COLUMNS)}; found {found}")
            number = 0
            for batch in file.iter_batches(batch_size=128, columns=columns):
                for row in batch.to_pylist():
                    yield f"row {number}", row
                    number += 1
        except (pa.ArrowException, OSError) as error:
            raise AtlopError(f"{path}: cannot be read as Parquet ({reason_for(error)})") from None


def is_parquet(start: FileStart) -> bool:
    """Whether a file is Parquet."""
    return start.head.startswith(b"PAR1")


def has_columns(start: FileStart) -> bool:
    """Whether a file has DocRED's documents with labels in columns."""
    return is_parquet(start) or ("vertexSet" in start.json_keys and isinstance(start.json_object.get("labels"), dict))
