"""What the extractor takes: a document in any form that people, NER systems and spaCy give it, or its text alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from atlop.corpora import parse_document
from atlop.corpora.formats.json_lines.reader import EXPECTED
from atlop.corpora.json_objects import check_characters, parse_json_object
from atlop.errors import AtlopError
from atlop.files import opened
from atlop.inference.mentions import without_spans
from atlop.inference.recognition import Recognition
from atlop.json_values import as_json_value
from atlop.schema import Document

Input: TypeAlias = Document | Mapping[str, Any] | tuple[str, Sequence[object]] | str | bytes | Path
"""A document; an object in the JSON lines format, whose `entities` may be ungrouped mentions; a text with such
entities; a text alone; a line of JSON with an object; or a file of text. Mentions may be spaCy's spans or what
transformers' NER pipeline returns. Without entities, a recogniser finds them."""

READ_KEYS = ("title", "text", "entities", "words", "pairs", "directed")
"""Keys of the JSON lines format that an extraction reads, which are columns of a table."""


@dataclass(frozen=True, slots=True)
class InputDocument:
    """A document to extract from, with its name in messages and results."""

    index: int
    where: str
    """Its name in error messages."""
    title: str
    """Its title, if it has none of its own."""
    content: Input


def read_documents(
    documents: Sequence[InputDocument], *, group_by: str | None, recognition: Recognition | None
) -> Iterator[Document | AtlopError]:
    """Yield the document of each input, or what is wrong with it.

    Args:
        documents: The inputs.
        group_by: Key by which ungrouped mentions are grouped; by default by identical text.
        recognition: Finds the entities of inputs that have none.
    """
    records = [_record_or_error(document) for document in documents]
    bare = [index for index, record in enumerate(records) if isinstance(record, dict) and _is_bare(record)]
    if recognition is not None:
        texts, names = [records[index]["text"] for index in bare], [documents[index].where for index in bare]
        for index, entities in zip(bare, recognition.entities(texts, names=names), strict=True):
            records[index] = entities if isinstance(entities, AtlopError) else records[index] | {"entities": entities}
    for document, record in zip(documents, records, strict=True):
        yield _document_or_error(document, record, group_by=group_by) if isinstance(record, dict) else record


def without_nulls(value: Any) -> Any:
    """Return a value from a table without the nulls that it has in the place of missing keys."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return list(map(without_nulls, value)) if isinstance(value, list) else value


def _record_or_error(document: InputDocument) -> Any:
    """Return an input as an object in the JSON lines format or as the document that it is, or what is wrong with it."""
    value, where = document.content, document.where
    try:
        if isinstance(value, Path):
            value = {"text": _text(value, where=where)}
        elif isinstance(value, bytes):
            value = parse_json_object(value, expected=EXPECTED, where=where)
        elif isinstance(value, str):
            value = {"text": value}
        elif isinstance(value, tuple) and len(value) == 2:
            value = {"text": value[0], "entities": value[1]}
        if isinstance(value, Document):
            check_characters(" ".join([value.title, *chain.from_iterable(value.sentences)]), where=where)
            return value
        if not isinstance(value, Mapping):
            raise AtlopError(f"{where}: expected a text with its entities, or an object with both; found {value!r:.60}")
        entities = {"entities": without_spans(value["entities"])} if "entities" in value else {}
        record = as_json_value({**value, **entities})
        for text in (record.get("title"), record.get("text")):
            if isinstance(text, str):
                check_characters(text, where=where)
        return record
    except AtlopError as error:
        return error


def _document_or_error(
    document: InputDocument, record: dict[str, Any], *, group_by: str | None
) -> Document | AtlopError:
    try:
        if _is_bare(record):
            raise AtlopError(
                f'{document.where}: key "entities" is missing; give the mentions of the text, or a recogniser that '
                "finds them, for example ner spacy:en_core_web_sm"
            )
        return parse_document(record, title=document.title, where=document.where, group_by=group_by)[0]
    except AtlopError as error:
        return error


def _is_bare(record: dict[str, Any]) -> bool:
    """Whether an object is a text alone."""
    return record.get("entities") is None and isinstance(record.get("text"), str)


def _text(path: Path, *, where: str) -> str:
    """Return the text of a file; messages begin with `where`.

    Raises:
        AtlopError: It cannot be read, or is not UTF-8.
    """
    with opened(path) as file:
        data = file.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
