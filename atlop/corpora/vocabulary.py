"""The relations that a model classifies: `rel2id.json` and readable names."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import expect, optional
from atlop.schema import THRESHOLD_CLASS, RelationVocabulary

logger = logging.getLogger(__name__)

NEGATIVE_LABEL = "Na"
"""DocRED's label of a pair without a relation, the usual name of class 0 in `rel2id.json`."""
_NEGATIVE_NAMES = frozenset(
    ("na", "none", "null", "nil", "nr", "norel", "norelation", "norelationship", "negative", "unrelated", "other")
)
_IGNORED = re.compile(r"[\W\d_]+")


def is_named_negative(relation: str) -> bool:
    """Whether a name usually says that no relation holds, for example `no_relation`, `NA`, `1:NR:2` and `Other`."""
    return _IGNORED.sub("", relation).lower() in _NEGATIVE_NAMES


def read_vocabulary(
    rel2id: Path | None, *, names: Path | None = None, relations: Iterable[str] = ()
) -> RelationVocabulary:
    """Read the relations that a model classifies.

    Args:
        rel2id: JSON object that maps relations to class ids: 1 to n, and optionally `Na`, or another name that says
            that no relation holds, to 0. Without a file, `relations` are numbered in alphabetical order.
        names: JSON object that maps relations to readable names (DocRED's `rel_info.json`), or to objects with `name`
            and `description`, either of which may be missing.
        relations: Relation ids of the train documents, used only without `rel2id`.

    Raises:
        AtlopError: A file is malformed, or there are neither `rel2id` nor relations.
    """
    readable_names, descriptions = ({}, {}) if names is None else read_names(names)
    ids, negative = (_sort_relations(relations), None) if rel2id is None else _read_class_ids(rel2id)
    return RelationVocabulary(
        ids,
        {key: readable_names[key] for key in ids if key in readable_names},
        negative,
        {key: descriptions[key] for key in ids if key in descriptions},
    )


def read_negative(rel2id: Path | None) -> str | None:
    """Return the name that a `rel2id.json` gives id 0, which says that no relation holds; `None` without one.

    Raises:
        AtlopError: The file is malformed.
    """
    return None if rel2id is None else _read_class_ids(rel2id)[1]


def _read_class_ids(path: Path) -> tuple[tuple[str, ...], str | None]:
    """Return the relations in the order of their class ids, and the name of class 0."""
    ids: dict[str, Any] = expect(read_json(path), dict, where=str(path))
    by_id: dict[int, str] = {}
    for relation, value in ids.items():
        class_id = expect(value, int, where=f'{path}, "{relation}"')
        is_negative = class_id == THRESHOLD_CLASS
        if (is_negative and not is_named_negative(relation)) or (relation == NEGATIVE_LABEL and not is_negative):
            raise AtlopError(
                f'{path}, "{relation}": has id {class_id}; id {THRESHOLD_CLASS} is reserved for "{NEGATIVE_LABEL}"; '
                "relations are numbered from 1"
            )
        if class_id in by_id:
            raise AtlopError(f'{path}, "{relation}": has id {class_id}, and so has "{by_id[class_id]}"')
        by_id[class_id] = relation
    negative = by_id.pop(THRESHOLD_CLASS, None)
    count = len(by_id)
    if not count:
        raise AtlopError(f'{path}: has no relation; expected an object such as {{"{NEGATIVE_LABEL}": 0, "P17": 1}}')
    for class_id, relation in by_id.items():
        if not 1 <= class_id <= count:
            missing = next(number for number in range(1, count + 1) if number not in by_id)
            raise AtlopError(
                f'{path}, "{relation}": has id {class_id}, but id {missing} is missing; expected 1 to {count}, '
                "without gaps"
            )
    return tuple(by_id[class_id] for class_id in range(1, count + 1)), negative


def _sort_relations(relations: Iterable[str]) -> tuple[str, ...]:
    ids = tuple(sorted(set(relations)))
    if not ids:
        raise AtlopError("the train documents have no facts to take the relations from; pass a rel2id.json")
    logger.info("no rel2id.json: class ids 1 to %d are the relations of the train file in alphabetical order", len(ids))
    return ids


def read_names(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Read a `rel_info.json`: the readable names of relations, and what they mean.

    Raises:
        AtlopError: The file is malformed.
    """
    values: dict[str, Any] = expect(read_json(path), dict, where=str(path))
    names: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    for relation, value in values.items():
        where = f'{path}, "{relation}"'
        if not isinstance(value, dict):
            names[relation] = expect(value, str, where=where)
            continue
        for key, texts in (("name", names), ("description", descriptions)):
            if (text := optional(value, key, str, where=where)) is not None:
                texts[relation] = text
    return names, descriptions
