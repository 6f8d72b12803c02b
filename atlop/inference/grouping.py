"""Entities and mentions as callers have them -> entities as JSON lines have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from atlop.corpora.character_spans import read_spans
from atlop.corpora.json_lines import name_of
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field
from atlop.schema import Span


def entities_of(value: object, *, text: str, group_by: str | None, where: str) -> list[Any]:
    """Return entities in the format of JSON lines.

    Args:
        value: Entities, each a list of mentions or an object with `mentions`, as JSON lines have them. Or mentions that
            nobody has grouped: each `[start, end]`, or an object with `start` and `end` (or `spans`) and, where known,
            `type` and `id`.
        text: The text.
        group_by: Key whose value is the same for mentions of one entity, for example `id`; its value becomes the
            entity's `id`. Mentions without a value there, and all where it is `None`, are grouped by identical text.
        where: The document, for messages.

    Raises:
        AtlopError: It is no list, entities and lone mentions are mixed, or a mention is malformed.
    """
    plain = expect(_plain(value), list, where=f'{where}, "entities"')
    lone = [_is_lone_mention(item) for item in plain]
    if not any(lone):
        return [{"mentions": item} if isinstance(item, list) else item for item in plain]
    if not all(lone):
        raise AtlopError(
            f"{where}, entity {lone.index(False)}: is a group of mentions, but entity {lone.index(True)} is a lone "
            f"mention ({abbreviated(plain[lone.index(True)])}); give all of them grouped, or none"
        )
    groups: dict[object, dict[str, Any]] = {}
    for index, item in enumerate(plain):
        _add(groups, item, text=text, group_by=group_by, where=f"{where}, mention {index}")
    return list(groups.values())


def _add(groups: dict[object, dict[str, Any]], item: Any, *, text: str, group_by: str | None, where: str) -> None:
    """Put a lone mention into its group."""
    row: dict[str, Any] = {"spans": [item]} if isinstance(item, list) else item
    spans = _spans(row, text=text, where=where)
    value = None if group_by is None else row.get(group_by)
    if not isinstance(value, str | int | None):
        raise AtlopError(f'{where}, "{group_by}": expected a string or a whole number, found {abbreviated(value)}')
    named = value is not None and value != ""
    key = (group_by, value) if named else " ".join(name_of(spans, text=text).split())
    group = groups.setdefault(key, {"mentions": []})
    group["mentions"].append({"spans": [list(span) for span in spans], **_given(row, ("name", "type"))})
    group |= {"id": str(value)} if named else _given(row, ("id",)) if "id" not in group else {}


def _spans(row: dict[str, Any], *, text: str, where: str) -> tuple[Span, ...]:
    if "spans" in row:
        return read_spans(field(row, "spans", list, where=where), text=text, where=where)
    found = field(row, "start", int, where=where), field(row, "end", int, where=where)
    (span,) = read_spans([list(found)], text=text, where=where)
    return (span,)


def _given(row: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: row[key] for key in keys if row.get(key) is not None}


def _is_lone_mention(item: object) -> bool:
    if isinstance(item, dict):
        return "mentions" not in item and bool({"start", "spans"} & set(item))
    return isinstance(item, list) and bool(item) and not isinstance(item[0], list | dict)


def _plain(value: object) -> object:
    """Return the value with lists for tuples and plain objects for mappings, as JSON has them."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
