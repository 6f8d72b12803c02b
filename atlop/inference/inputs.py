"""What the extractor takes: a document in any form that people, NER systems and spaCy give it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from atlop.corpora import parse_document
from atlop.corpora.formats.json_lines.reader import EXPECTED
from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.json_values import as_json_value
from atlop.schema import Document

Input: TypeAlias = Document | Mapping[str, Any] | tuple[str, Sequence[object]] | bytes
"""A document; an object in the JSON lines format, whose `entities` may be ungrouped mentions; a text with such
entities; or a line of JSON with such an object. Mentions may be spaCy's spans or what transformers' NER pipeline
returns."""


@dataclass(frozen=True, slots=True)
class InputDocument:
    """A document to extract from, with its name in messages and results."""

    index: int
    where: str
    """Its name in error messages."""
    title: str
    """Its title, if it has none of its own."""
    content: Input


def read_document(document: InputDocument, *, group_by: str | None) -> Document:
    """Convert any form of `Input` to a document.

    Raises:
        AtlopError: The input is invalid.
    """
    value, where = document.content, document.where
    if isinstance(value, Document):
        return value
    if isinstance(value, bytes):
        value = parse_json_object(value, expected=EXPECTED, where=where)
    elif isinstance(value, tuple) and len(value) == 2:
        value = {"text": value[0], "entities": value[1]}
    if not isinstance(value, Mapping):
        raise AtlopError(f"{where}: expected a text with its entities, or an object with both; found {value!r:.60}")
    record = as_json_value({**value, "entities": _without_spans(value["entities"])} if "entities" in value else value)
    return parse_document(record, title=document.title, where=where, group_by=group_by)[0]


def _without_spans(entities: object) -> object:
    """Return entities with each span of spaCy, ungrouped or in a list of mentions, as a mention in JSON lines."""
    if not isinstance(entities, list | tuple):
        return entities
    return [[*map(_mention, each)] if isinstance(each, list | tuple) else _mention(each) for each in entities]


def _mention(value: Any) -> object:
    """Return a span of spaCy, known by its attributes, as a mention; other values unchanged."""
    if not hasattr(value, "start_char"):
        return value
    mention = {"start": value.start_char, "end": value.end_char, "type": value.label_}
    return mention | ({"id": value.kb_id_} if value.kb_id_ else {})
