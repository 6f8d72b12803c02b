"""Where an extraction takes its documents from: JSON lines, Parquet, a text, or a folder of texts."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from atlop.errors import AtlopError, reason_for
from atlop.files import address, file_sha256, files_below, is_folder, opened
from atlop.inference.inputs import READ_KEYS, InputDocument, without_nulls

TEXT_SUFFIX, PARQUET_SUFFIX = ".txt", ".parquet"
"""Ends of the names of files that are a document each, and of tables with a document a row; others are JSON lines."""
_ROWS_AT_ONCE = 128


class Start(NamedTuple):
    """Where to begin in a source."""

    document: int = 0
    """Number of the first document, from 0."""
    line: int = 0
    """Lines before it, of JSON lines."""
    byte: int = 0
    """Its first byte, of JSON lines."""


@dataclass(frozen=True)
class Source:
    """A file of JSON lines, a Parquet file, a text file, or a folder of text files, at any depth, by their paths."""

    path: Path
    name: str = ""
    """What messages call a file; by default its path."""

    @property
    def is_text(self) -> bool:
        """Whether its documents are texts alone."""
        return self._is_folder or self.path.suffix == TEXT_SUFFIX

    @cached_property
    def _is_folder(self) -> bool:
        return is_folder(self.path)

    @property
    def _is_table(self) -> bool:
        return self.path.suffix == PARQUET_SUFFIX

    @cached_property
    def _texts(self) -> list[Path]:
        if not self._is_folder:
            return [self.path]
        texts = [path for path in files_below(self.path) if path.suffix == TEXT_SUFFIX]
        if not texts:
            raise AtlopError(f"{address(self.path)}: is a folder without {TEXT_SUFFIX} files; expected one text a file")
        return texts

    def sha256(self) -> str:
        """Return the hexadecimal sha256 of the file, or of the names and bytes of the folder's texts.

        Raises:
            AtlopError: A file cannot be read, or the folder has no text.
        """
        if not self._is_folder:
            return file_sha256(self.path)
        digest = hashlib.sha256()
        for path in self._texts:
            digest.update(
                f"{path.relative_to(self.path).as_posix()}\0{file_sha256(path)}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def documents(self, start: Start = Start()) -> Iterator[InputDocument]:  # noqa: B008  # it is immutable
        """Yield the documents, by default all; blank lines are none.

        Raises:
            AtlopError: The file cannot be read, or the folder has no text.
        """
        name = self.name or _in_utf8(address(self.path))
        if self.is_text:
            for index, path in enumerate(self._texts[start.document :], start.document):
                title = path.relative_to(self.path if self._is_folder else path.parent).with_suffix("").as_posix()
                yield InputDocument(index, self.name or _in_utf8(address(path)), _in_utf8(title), path)
        elif self._is_table:
            for index, row in self._rows(start.document):
                yield InputDocument(index, f"{name}, row {index}", f"row {index}", row)
        else:
            with opened(self.path) as file:
                if start.byte:
                    file.seek(start.byte)
                lines = (item for item in enumerate(file, start.line + 1) if not item[1].isspace())
                for index, (number, line) in enumerate(lines, start.document):
                    yield InputDocument(index, f"{name}, line {number}", f"line {number}", line)

    def starts(self, *, every: int) -> list[Start]:
        """Return where each part of so many documents begins, so that others can begin there.

        Raises:
            AtlopError: The file cannot be read or is compressed, or the folder has no text.
        """
        if self.is_text:
            return [Start(index) for index in range(0, len(self._texts), every)]
        if self._is_table:
            with self._table() as table:
                return [Start(index) for index in range(0, table.metadata.num_rows, every)]
        starts, documents = [], 0
        with opened(self.path) as file:
            if not file.seekable():
                raise AtlopError(
                    f"{address(self.path)}: is compressed, so that nobody can begin in its middle; unpack it first"
                )
            byte = file.tell()
            for line, content in enumerate(file):
                if not content.isspace():
                    if documents % every == 0:
                        starts.append(Start(documents, line, byte))
                    documents += 1
                byte += len(content)
        return starts

    def _rows(self, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number and the content of each row; groups of rows before the first are not read."""
        with self._table() as table:
            columns = [name for name in READ_KEYS if name in table.schema_arrow.names]
            if "text" not in columns:
                found = ", ".join(table.schema_arrow.names[:8]) or "none"
                raise AtlopError(f"{address(self.path)}: expected the columns text and entities; found {found}")
            first = 0
            for group in range(table.num_row_groups):
                count = table.metadata.row_group(group).num_rows
                if first + count > start:
                    batches = table.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns)
                    rows = (row for batch in batches for row in batch.to_pylist())
                    yield from ((index, without_nulls(row)) for index, row in enumerate(rows, first) if index >= start)
                first += count

    @contextmanager
    def _table(self) -> Iterator[Any]:
        with opened(self.path) as file:
            try:
                yield pq.ParquetFile(file)
            except (pa.ArrowException, OSError) as error:
                raise AtlopError(f"{address(self.path)}: cannot be read as Parquet ({reason_for(error)})") from None


def _in_utf8(path: str) -> str:
    r"""Return a path with escapes such as `\xe9` for bytes that are not UTF-8, which no file of facts can hold."""
    return os.fsencode(path).decode(errors="backslashreplace")
