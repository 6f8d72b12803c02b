"""The entities of a document in JSON lines, in any of the forms that people and NER systems write."""

import unicodedata
from typing import Any

from atlop.corpora.text.character_spans import mention_text, parse_spans
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, field, optional
from atlop.schema import Span

_TYPE_KEYS = ("type", "label", "entity_group")
"""Keys of the type: this format's own, spaCy's and that of transformers' pipelines, in the order of preference."""

_TOKEN_KEYS = {"entity", "word", "score", "start", "end"}
"""Keys of a token of transformers' NER pipeline, whose `entity` is a label such as `B-PER`."""


def grouped_entities(
    record: dict[str, Any], *, text: str, group_by: str | None, where: str
) -> tuple[list[Any], tuple[int, ...]]:
    """Return entities in the JSON lines format, and the index of the entity of each item in the record's `entities`.

    Args:
        record: A document. Its `entities` are entities, each a list of mentions or an object with `mentions`, or
            ungrouped mentions, each `[start, end]` or an object with `start` and `end` (or `spans`) and optionally a
            type and `id`. Or the tokens that transformers' NER pipeline returns without aggregation.
        text: The text.
        group_by: Key that has the same value for all mentions of an entity, for example `id`; the value becomes the
            entity's `id`. Mentions without a value, or all if it is `None`, are grouped by identical text. Values and
            texts are identical if they are canonically equivalent in Unicode.
        where: The document, for messages.

    Raises:
        AtlopError: There is no list, entities and ungrouped mentions are mixed, or a mention is malformed.
    """
    plain: list[Any] = field(record, "entities", list, where=where)
    ungrouped = [_is_ungrouped_mention(item) for item in plain]
    if not any(ungrouped):
        return [{"mentions": item} if isinstance(item, list) else item for item in plain], tuple(range(len(plain)))
    if not all(ungrouped):
        entity, mention = ungrouped.index(False), ungrouped.index(True)
        raise AtlopError(
            f"{where}, entity {entity}: is a group of mentions, but entity {mention} is an ungrouped mention "
            f"({abbreviated(plain[mention])}); group all mentions, or none"
        )
    mentions, indices = joined_tokens(plain, text=text, where=where)
    groups: dict[object, dict[str, Any]] = {}
    keys = [
        _add(groups, item, text=text, group_by=group_by, where=f"{where}, mention {index}")
        for index, item in enumerate(mentions)
    ]
    numbers = {key: number for number, key in enumerate(groups)}
    return list(groups.values()), tuple(numbers[keys[index]] for index in indices)


def joined_tokens(items: list[Any], *, text: str, where: str) -> tuple[list[Any], list[int]]:
    """Join the tokens of one name, as `aggregation_strategy="simple"` of transformers' NER pipeline does.

    Returns:
        The mentions, and the index of the mention of each item; other items are mentions already.
    """
    mentions: list[Any] = []
    indices: list[int] = []
    end = None  # of the mention before, if it is made of tokens
    for index, item in enumerate(items):
        if not (isinstance(item, dict) and item.keys() >= _TOKEN_KEYS and isinstance(item["entity"], str)):
            mentions.append(item)
            end = None
        else:
            begins, type_ = item["entity"].startswith("B-"), item["entity"].removeprefix("B-").removeprefix("I-")
            start = field(item, "start", int, where=f"{where}, mention {index}")
            follows = end is not None and end <= start and not text[end:start].strip()
            if follows and not begins and mentions[-1]["type"] == type_:
                mentions[-1]["end"] = item["end"]
            else:
                mentions.append({"start": start, "end": item["end"], "type": type_})
            end = field(item, "end", int, where=f"{where}, mention {index}")
        indices.append(len(mentions) - 1)
    return mentions, indices


def _add(groups: dict[object, dict[str, Any]], item: Any, *, text: str, group_by: str | None, where: str) -> object:
    """Add a mention to its group, and return the group's key."""
    record: dict[str, Any] = {"spans": [item]} if isinstance(item, list) else item
    spans = mention_spans(record, text=text, where=where)
    value = None if group_by is None else record.get(group_by)
    if not isinstance(value, str | int | None):
        raise AtlopError(f'{where}, "{group_by}": expected a string or a whole number, found {abbreviated(value)}')
    has_key = value is not None and value != ""
    common = str(value) if has_key else " ".join(mention_text(spans, text=text).split())
    key = has_key, unicodedata.normalize("NFC", common)
    group = groups.setdefault(key, {"mentions": []})
    named = {"name": record.get("name"), "type": type_of(record, where=where)}
    given = {name: value for name, value in named.items() if value is not None}
    group["mentions"].append({"spans": [list(span) for span in spans], **given})
    if "id" not in group and (identifier := str(value) if has_key else record.get("id")) is not None:
        group["id"] = identifier
    return key


def mention_spans(record: dict[str, Any], *, text: str, where: str) -> tuple[Span, ...]:
    """Parse the spans of a mention that is an object, with `spans` or with `start` and `end`.

    Raises:
        AtlopError: It has neither, or a span is malformed or not within the text.
    """
    if "start" in record and record.get("spans") is None:
        span = [field(record, key, int, where=where) for key in ("start", "end")]
        return parse_spans([span], text=text, where=where)
    return parse_spans(field(record, "spans", list, where=where), text=text, where=where)


def type_of(record: dict[str, Any], *, where: str) -> str | None:
    """Return the type of an entity or a mention, under the first of its keys that has one.

    Raises:
        AtlopError: It is not a string.
    """
    types = (optional(record, key, str, where=where) for key in _TYPE_KEYS)
    return next((type_ for type_ in types if type_ is not None), None)


def _is_ungrouped_mention(item: object) -> bool:
    if isinstance(item, dict):
        return "mentions" not in item and bool({"start", "spans"} & set(item))
    return isinstance(item, list) and bool(item) and not isinstance(item[0], list | dict)
