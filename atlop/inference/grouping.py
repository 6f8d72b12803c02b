"""Group mentions into the entities of the JSON lines format."""

from collections.abc import Mapping, Sequence
from typing import Any

from atlop.corpora.formats.json_lines.reader import mention_text
from atlop.corpora.text.character_spans import parse_spans
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field
from atlop.schema import Span


def normalize_entities(value: object, *, text: str, group_by: str | None, where: str) -> list[Any]:
    """Return entities in the JSON lines format.

    Args:
        value: Entities, each a list of mentions or an object with `mentions`. Or ungrouped mentions, each
            `[start, end]` or an object with `start` and `end` (or `spans`) and optionally `type` and `id`.
        text: The text.
        group_by: Key that has the same value for all mentions of an entity, for example `id`; the value becomes the
            entity's `id`. Mentions without a value, or all if it is `None`, are grouped by identical text.
        where: The document, for messages.

    Raises:
        AtlopError: It is not a list, entities and ungrouped mentions are mixed, or a mention is malformed.
    """
    plain = expect(_plain(value), list, where=f'{where}, "entities"')
    ungrouped = [_is_ungrouped_mention(item) for item in plain]
    if not any(ungrouped):
        return [{"mentions": item} if isinstance(item, list) else item for item in plain]
    if not all(ungrouped):
        entity, mention = ungrouped.index(False), ungrouped.index(True)
        raise AtlopError(
            f"{where}, entity {entity}: is a group of mentions, but entity {mention} is an ungrouped mention "
            f"({abbreviated(plain[mention])}); group all mentions, or none"
        )
    groups: dict[object, dict[str, Any]] = {}
    for index, item in enumerate(plain):
        _add(groups, item, text=text, group_by=group_by, where=f"{where}, mention {index}")
    return list(groups.values())


def _add(groups: dict[object, dict[str, Any]], item: Any, *, text: str, group_by: str | None, where: str) -> None:
    record: dict[str, Any] = {"spans": [item]} if isinstance(item, list) else item
    spans = _spans(record, text=text, where=where)
    value = None if group_by is None else record.get(group_by)
    if not isinstance(value, str | int | None):
        raise AtlopError(f'{where}, "{group_by}": expected a string or a whole number, found {abbreviated(value)}')
    has_key = value is not None and value != ""
    key = (group_by, value) if has_key else " ".join(mention_text(spans, text=text).split())
    group = groups.setdefault(key, {"mentions": []})
    group["mentions"].append({"spans": [list(span) for span in spans], **_present(record, ("name", "type"))})
    group |= {"id": str(value)} if has_key else _present(record, ("id",)) if "id" not in group else {}


def _spans(record: dict[str, Any], *, text: str, where: str) -> tuple[Span, ...]:
    if "spans" in record:
        return parse_spans(field(record, "spans", list, where=where), text=text, where=where)
    span = [field(record, key, int, where=where) for key in ("start", "end")]
    return parse_spans([span], text=text, where=where)


def _present(record: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: record[key] for key in keys if record.get(key) is not None}


def _is_ungrouped_mention(item: object) -> bool:
    if isinstance(item, dict):
        return "mentions" not in item and bool({"start", "spans"} & set(item))
    return isinstance(item, list) and bool(item) and not isinstance(item[0], list | dict)


def _plain(value: object) -> object:
    """Convert tuples to lists and mappings to dicts, as in JSON."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
