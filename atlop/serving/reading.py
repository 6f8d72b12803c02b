"""Read the documents of requests, several requests at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

from fastapi import HTTPException

from atlop.corpora.json_objects import to_json_line
from atlop.errors import AtlopError
from atlop.inference import ExtractionError
from atlop.inference.inputs import InputDocument, read_documents
from atlop.inference.recognition import Recognition
from atlop.json_values import expect
from atlop.parsing import TOO_DEEP, parse_json
from atlop.schema import Document
from atlop.serving.batching import BusyError
from atlop.serving.limits import Limits

_EXPECTED = 'expected an object with "text" and "entities", or a list of such objects'


class DocumentReader:
    """Reads the documents of requests, and finds the entities of texts without if there is a recogniser."""

    def __init__(self, recognition: Recognition | None, *, limits: Limits):
        """Start without any document."""
        self._recognition, self._limits = recognition, limits
        self._recognising = Lock()  # a recogniser need not be safe for threads
        self._waiting, self._counting = 0, Lock()  # documents that the recogniser is to read

    def read(
        self, data: bytes, *, is_over: Event, group_by: str | None = None
    ) -> tuple[list[Document | ExtractionError], bool]:
        """Return the documents of a body, with an error for each invalid one, and whether the body is a list.

        Args:
            data: The body.
            is_over: Set once nobody waits for the documents, of which none is recognised then.
            group_by: Key by which ungrouped mentions are grouped.

        Raises:
            HTTPException: The body is no document and no list of documents, or has too many.
            BusyError: Too many documents wait for the recogniser.
            TimeoutError: Nobody waits for the documents.
        """
        try:
            value = parse_json(data, where="the body")
        except AtlopError as error:
            raise HTTPException(400, str(error)) from None
        if not isinstance(value, dict | list):
            raise HTTPException(422, f"the body: {_EXPECTED}")
        rows = value if isinstance(value, list) else [value]
        if len(rows) > self._limits.documents:
            limit = self._limits.documents
            raise HTTPException(413, f"the body: has {len(rows):,} documents; expected at most {limit:,}")
        with self._waiting_for(sum(map(self._is_bare, rows))):
            documents = [
                self._document(row, index=index, is_over=is_over, group_by=group_by) for index, row in enumerate(rows)
            ]
        return documents, isinstance(value, list)

    def _is_bare(self, value: Any) -> bool:
        """Whether a document is for the recogniser."""
        return self._recognition is not None and isinstance(value, dict) and value.get("entities") is None

    @contextmanager
    def _waiting_for(self, documents: int) -> Iterator[None]:
        """Count documents that wait for the recogniser; raise `BusyError` if they are too many."""
        with self._counting:
            if documents and self._waiting + documents > self._limits.waiting:
                raise BusyError
            self._waiting += documents
        try:
            yield
        finally:
            with self._counting:
                self._waiting -= documents

    def _document(self, value: Any, *, index: int, is_over: Event, group_by: str | None) -> Document | ExtractionError:
        where = f"document {index}"
        try:
            row = expect(value, dict, where=where)
            to_json_line(row, where=where)  # refuses lone surrogates, which JSON allows and tokenizers do not
            if self._is_bare(row):
                self._limits.check(_read({**row, "entities": []}, where=where), where=where)
                with self._recognising:
                    if is_over.is_set():
                        raise TimeoutError
                    document = _read(row, where=where, recognition=self._recognition)
            else:
                document = _read(row, where=where, group_by=group_by)
            self._limits.check(document, where=where)
        except AtlopError as error:
            return ExtractionError(index, str(error))
        except RecursionError:
            return ExtractionError(index, f"{where}: {TOO_DEEP}")
        return document


def _read(
    row: dict[str, Any], *, where: str, group_by: str | None = None, recognition: Recognition | None = None
) -> Document:
    inputs = [InputDocument(0, where, where, row)]
    [document] = read_documents(inputs, group_by=group_by, recognition=recognition)
    if isinstance(document, AtlopError):
        raise document
    return document
