"""Read Label Studio's exports: "JSON", a list of tasks, and "JSON-MIN", a list of texts with spans but no relations.

A document's title is the id of its task. Of several annotations of a task, that with `ground_truth` is taken, else the
one that was changed last; cancelled ones, drafts and predictions are no labels. Offsets are characters, or UTF-16
units in exports before late 2021: each annotation is read in the unit that fits the texts of its regions.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import to_json_line
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainText, read_drafts
from atlop.corpora.text.offset_units import Quote, Reading, fitting_reading, readings_of
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, optional
from atlop.schema import Document

_LINE_ENDS = re.compile(r"(?:\\n|\r|\n)+")  # exports have backslash and n for a line end in a region's text
_KEYS = '"data" and "annotations"'
_CHANGED = "updated_at"  # Label Studio's name
_ON_TEXT = "labels"
"""Type of a result that is a span of a text."""


def read_label_studio(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield a document for each task with an annotation, with one task in memory.

    Raises:
        AtlopError: The file cannot be read, or a task is invalid and `issues` is strict.
    """
    seen: set[bytes] = set()
    records = read_records(path, keys=_KEYS, issues=issues)
    return read_drafts(
        (partial(_task, record, name=name, path=path, issues=issues, seen=seen) for name, record in records),
        issues=issues,
    )


def read_label_studio_min(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield a document for each annotated task, without labels.

    Raises:
        AtlopError: The file cannot be read, or a task is invalid and `issues` is strict.
    """
    issues.add_hint('has no relations, which JSON-MIN cannot hold; export "JSON" to get them')
    records = read_records(path, keys='"annotation_id" and a list of regions', issues=issues)
    return read_drafts((partial(_row, record, name=name, path=path) for name, record in records), issues=issues)


def _task(record: dict[str, Any], *, name: str, path: Path, issues: IssueCollector, seen: set[bytes]) -> Draft | None:
    title = _title(record, name=name)
    where = f"{path}, task {title}"
    digest = blake2b(to_json_line(record, where=where).encode(), digest_size=8).digest()
    if digest in seen:
        issues.add_duplicate_document()
        return None
    seen.add(digest)
    left_out: Counter[str] = Counter()
    annotation = _chosen(record, left_out=left_out, where=where)
    if annotation is None:
        issues.add_left_out({"tasks without an annotation": 1})
        return None
    results = [expect(each, dict, where=where) for each in optional(annotation, "result", list, where=where) or []]
    regions, relations = [], []
    for result in results:
        kind = result.get("type")
        if kind == "relation":
            relations.append(result)
        elif kind == _ON_TEXT:
            regions.append((result.get("id"), field(result, "value", dict, where=where)))
        elif isinstance(kind, str) and not kind.endswith("labels"):
            left_out[f"{kind} results"] += 1
        else:
            raise AtlopError(
                f"{where}: has a result of type {abbreviated(kind)}, whose offsets are not characters of a text in the "
                'file; expected "labels", of a text task'
            )
    data = field(record, "data", dict, where=where)
    draft = _draft(title, regions, data=data, where=where)
    draft.left_out.update(left_out)
    for relation in relations:
        _relate(draft, relation, where=where)
    return draft


def _title(record: dict[str, Any], *, name: str) -> str:
    return str(record["id"]) if isinstance(record.get("id"), str | int) else name


def _chosen(record: dict[str, Any], *, left_out: Counter[str], where: str) -> dict[str, Any] | None:
    """Return the annotation of a task that counts."""
    key = "annotations" if "annotations" in record else "completions"
    annotations = [expect(each, dict, where=where) for each in optional(record, key, list, where=where) or []]
    valid = [each for each in annotations if not (each.get("was_cancelled") or each.get("skipped"))]
    left_out["cancelled annotations"] += len(annotations) - len(valid)
    left_out["annotations of tasks with several"] += max(0, len(valid) - 1)
    return max(valid, key=lambda each: (bool(each.get("ground_truth")), _time(each)), default=None)


def _time(annotation: dict[str, Any]) -> str:
    return str(annotation.get(_CHANGED) or annotation.get("created_at") or "")


def _draft(title: str, regions: list[tuple[Any, dict[str, Any]]], *, data: dict[str, Any], where: str) -> Draft:
    """Return a draft with a mention for each region."""
    quotes = []
    for index, (name, value) in enumerate(regions):
        span = field(value, "start", int, where=where), field(value, "end", int, where=where)
        text = optional(value, "text", str, where=where)
        quotes.append(Quote((span,), text, f"{where}: region {index if name is None else name}"))
    fit = _fitting(data, quotes, where=where)
    draft = Draft(title, PlainText(fit.text), where, noun="region")
    spans: dict[Any, object] = {}
    for index, ((name, value), quote) in enumerate(zip(regions, quotes, strict=True)):
        labels = [expect(each, str, where=where) for each in optional(value, _ON_TEXT, list, where=where) or [""]]
        key = index if name is None else name if isinstance(name, str | int) else str(name)
        again = spans.setdefault(key, quote.spans) == quote.spans and draft.has(key)  # labelled by two tags
        draft.left_out["further labels of regions"] += len(labels) - (not again)
        if not again:
            characters = fit.characters(quote.spans)
            assert characters is not None, "the reading fits all mentions"
            draft.mention(key, *characters, type=labels[0])
    return draft


def _fitting(data: dict[str, Any], quotes: list[Quote], *, where: str) -> Reading:
    """Return the text that the regions are in, in the unit that fits them."""
    if isinstance(data.get("text"), str):
        return fitting_reading(readings_of(data["text"]), quotes=quotes, same=_same)
    strings = {key: value for key, value in data.items() if isinstance(value, str)}
    if strings and not quotes:  # whichever it is, nothing is in it
        return next(readings_of(max(strings.values(), key=len)))
    fits = {}
    for key, value in strings.items():
        with suppress(AtlopError):
            fits[key] = fitting_reading(readings_of(value), quotes=quotes, same=_same)
    if len({fit.text for fit in fits.values()}) != 1:
        keys = ", ".join(fits or data) or "nothing"
        raise AtlopError(
            f"{where}: {'several strings fit' if fits else 'no string fits'} its regions ({keys}); call the text that "
            'was annotated "text"'
        )
    return next(iter(fits.values()))


def _same(found: str, quoted: str) -> bool:
    return _LINE_ENDS.sub("\n", found).rstrip() == _LINE_ENDS.sub("\n", quoted).rstrip()


def _relate(draft: Draft, relation: dict[str, Any], *, where: str) -> None:
    ends = relation.get("from_id"), relation.get("to_id")
    subject, object_ = (end if isinstance(end, str | int) else str(end) for end in ends)
    labels = [expect(each, str, where=where) for each in optional(relation, "labels", list, where=where) or []]
    where = f"{where}: the relation from {subject} to {object_}"
    if not labels:
        raise AtlopError(f"{where} has no label; give it one in Label Studio, or remove it")
    direction = relation.get("direction") or "right"
    if direction not in ("right", "left", "bi"):
        raise AtlopError(f"{where} has the direction {abbreviated(direction)}; expected right, left or bi")
    for label in labels:
        if direction != "left":
            draft.relate(subject, object_, label, where=where)
        if direction != "right":
            draft.relate(object_, subject, label, where=where)


def _row(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    title = _title(record, name=name)
    where = f"{path}, task {title}"
    regions = [
        (None, value)
        for values in record.values()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict) and {"start", "end", _ON_TEXT} <= value.keys()
    ]
    draft = _draft(title, regions, data=record, where=where)
    draft.labelled = False
    return draft
