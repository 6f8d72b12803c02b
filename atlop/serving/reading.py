"""Read the documents of requests, several requests at once."""

from threading import Lock
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
from atlop.serving.limits import Limits

_EXPECTED = 'expected an object with "text" and "entities", or a list of such objects'


class DocumentReader:
    """Reads the documents of requests, and finds the entities of texts without if there is a recogniser."""

    def __init__(self, recognition: Recognition | None, *, limits: Limits):
        """Start without any document."""
        self._recognition, self._limits = recognition, limits
        self._recognising = Lock()  # a recogniser need not be safe for threads

    def read(self, data: bytes, *, group_by: str | None = None) -> tuple[list[Document | ExtractionError], bool]:
        """Return the documents of a body, with an error for each invalid one, and whether the body is a list.

        Raises:
            HTTPException: The body is no document and no list of documents, or has too many.
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
        documents = [self._document(row, index=index, group_by=group_by) for index, row in enumerate(rows)]
        return documents, isinstance(value, list)

    def _document(self, value: Any, *, index: int, group_by: str | None) -> Document | ExtractionError:
        where = f"document {index}"
        try:
            row = expect(value, dict, where=where)
            to_json_line(row, where=where)  # refuses lone surrogates, which JSON allows and tokenizers do not
            if self._recognition is not None and row.get("entities") is None:
                self._limits.check(_read({**row, "entities": []}, where=where), where=where)
                with self._recognising:
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
