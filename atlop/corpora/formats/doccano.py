"""doccano's exports: "JSONL (relation)", and older ones with labelled spans alone.

`entities` have `id`, `label`, `start_offset`, `end_offset`, in characters; `relations` have `from_id`, `to_id`, `type`.
Older exports have `label` or `labels`, lists of `[start, end, label]`, or `annotations`, objects with the number of a
label; they have no relations. Other keys are the user's own.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainText, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, optional
from atlop.schema import Document

_OLD_KEYS = ("label", "labels", "annotations")


def read_doccano(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of each line.

    Raises:
        AtlopError: The file cannot be read, or a line is invalid and `issues` is strict.
    """
    drafts = (
        partial(_draft, record, where=f"{path}, {name}", title=name.removeprefix("line "))
        for name, record in read_records(path, keys='"text" and "entities"', issues=issues)
    )
    documents = entities = numbered = 0
    for document in read_drafts(drafts, issues=issues):
        documents += 1
        entities += len(document.entities)
        numbered += sum(entity.type.isdecimal() for entity in document.entities)
        yield document
    if documents and not entities:
        issues.add_hint("has no annotation; mark the documents as finished in doccano, and export again")
    if numbered:
        issues.add_hint(f"{numbered:,} entities have a number as type, because the export does not name its labels")


def _draft(record: dict[str, Any], *, where: str, title: str) -> Draft:
    text = field(record, "text" if "text" in record else "data", str, where=where)
    title = str(record["id"]) if isinstance(record.get("id"), str | int) else title
    draft = Draft(title, PlainText(text), where, noun="entity", labelled=record.get("relations") is not None)
    if record.get("entities") is None:
        _add_spans(draft, record, where=where)
        return draft
    for item in field(record, "entities", list, where=where):
        entity: dict[str, Any] = expect(item, dict, where=f"{where}, entities")
        key = field(entity, "id", int, where=f"{where}, entities")
        location = f"{where}, entity {key}"
        start, end = (field(entity, name, int, where=location) for name in ("start_offset", "end_offset"))
        draft.mention(key, (start, end), type=_type(entity.get("label"), where=location))
    for item in optional(record, "relations", list, where=where) or []:
        relation: dict[str, Any] = expect(item, dict, where=f"{where}, relations")
        location = f"{where}: relation {relation.get('id', '')}".rstrip()
        subject, object_ = (field(relation, key, int, where=location) for key in ("from_id", "to_id"))
        draft.relate(subject, object_, _type(relation.get("type"), where=location), where=location)
    return draft


def _add_spans(draft: Draft, record: dict[str, Any], *, where: str) -> None:
    """Add the mentions of an older export."""
    key = next((key for key in _OLD_KEYS if record.get(key) is not None), "entities")
    items = field(record, key, list, where=where)
    first = next((item["user"] for item in items if isinstance(item, dict) and "user" in item), None)
    for index, item in enumerate(items):
        location = f'{where}, "{key}", item {index}'
        if isinstance(item, dict):
            if item.get("user") != first:
                draft.left_out["spans of further annotators"] += 1
                continue
            item = [item.get("start_offset"), item.get("end_offset"), item.get("label")]
        if not (isinstance(item, list) and len(item) == 3):
            raise AtlopError(
                f"{location}: expected [start, end, label], found {abbreviated(item)}; export again as JSONL"
            )
        start, end = (expect(offset, int, where=location) for offset in item[:2])
        draft.mention(index, (start, end), type=_type(item[2], where=location), where=location)


def _type(label: object, *, where: str) -> str:
    return str(label) if type(label) is int else expect(label, str, where=f"{where}, label")


def _matches(start: FileStart) -> bool:
    keys, record = start.json_keys, start.json_object
    if {"text", "data"}.isdisjoint(keys):
        return False
    if (entities := record.get("entities")) is None:
        return any(isinstance(record.get(key), list) for key in _OLD_KEYS)
    if not isinstance(entities, list):
        return False
    if not entities:
        return "id" in keys and "title" not in keys
    return isinstance(entities[0], dict) and "start_offset" in entities[0]


DOCCANO = Format(
    "doccano",
    read=read_doccano,
    matches=_matches,
    description='doccano\'s export "JSONL": objects with "text", and "entities" with "start_offset"',
)
