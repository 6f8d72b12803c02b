"""Read BioC, XML and JSON, and the dialect of JSON that PubTator 3 returns.

A document's title is its id. Offsets count through the document, whose text is that of its passages, or of their
sentences, with spaces between them up to each offset. Mentions with the same identifier and type are one entity.
Relations name annotations (`node`), or identifiers in one of three ways: BioRED's `entity1` and `entity2`, without
direction; BC5CDR's `Chemical` and `Disease`; and PubTator 3's `role1` and `role2`.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.bioc.identifiers import identifiers_of
from atlop.corpora.formats.bioc.relations import Relations
from atlop.corpora.formats.bioc.xml import read_bioc_xml
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_list import stream_json_list
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, Group, PlainText, read_drafts
from atlop.corpora.text.offset_units import (
    Quote,
    Reading,
    fitting_reading,
    positions_of,
    same_line,
    utf8_width,
    utf16_width,
)
from atlop.errors import AtlopError
from atlop.files import opened
from atlop.json_values import abbreviated, expect, field, optional
from atlop.schema import NO_IDENTIFIER, Document, Span

_LIST_KEYS = ("documents", "PubTator3")
_IGNORED = str.maketrans(dict.fromkeys(" \t\n,;|."))
_UNDIRECTED = re.compile(rb"""key=["']entity1["']|"entity1"\s{0,8}:""")  # as a key; it may also be the role of a node
_OVERLAP = 64  # bytes; more than what is searched for
_MAX_GAP = 1 << 20  # characters between passages; more is a mistake that would fill the memory


def read_bioc(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a collection, with one in memory.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    start = FileStart(path)
    scan = _Scan.search(path)
    if start.first_byte == b"<":
        records: Iterator[Any] = read_bioc_xml(path)
        if not scan.has_relations:
            issues.add_hint("has no relation, so no document counts as labelled")
    elif key := next((key for key in _LIST_KEYS if key in start.json_keys), None):
        records = _documents(path, key=key, in_list=start.first_byte == b"[")
    else:
        records = (record for _, record in read_records(path, keys='"id" and "passages"', issues=issues))
    is_xml = start.first_byte == b"<"
    labelled = scan.has_relations if is_xml else None
    return read_drafts(
        (
            partial(_draft, record, index=index, path=path, labelled=labelled, directed=not scan.is_undirected)
            for index, record in enumerate(records)
        ),
        issues=issues,
    )


def _documents(path: Path, *, key: str, in_list: bool) -> Iterator[Any]:
    """Yield the documents of one collection, or of a list of collections."""
    if not in_list:
        yield from stream_json_list(path, expected=f'expected an object with a list under "{key}"', key=key)
        return
    for index, item in enumerate(stream_json_list(path, expected="expected a list of collections")):
        where = f"{path}, collection {index}"
        yield from field(expect(item, dict, where=where), key, list, where=where)


class _Scan(NamedTuple):
    """What a file holds anywhere."""

    has_relations: bool
    is_undirected: bool
    """Whether relations are BioRED's, which have no direction."""

    @classmethod
    def search(cls, path: Path) -> "_Scan":
        """Return what the bytes of a file hold."""
        has_relations = is_undirected = False
        rest = b""
        with opened(path) as file:
            while chunk := file.read(1 << 20):
                data = rest + chunk
                has_relations = has_relations or b"<relation" in data
                is_undirected = is_undirected or _UNDIRECTED.search(data) is not None
                rest = data[-_OVERLAP:]
        return cls(has_relations, is_undirected)


def _draft(record: Any, *, index: int, path: Path, labelled: bool | None, directed: bool) -> Draft:
    record = expect(record, dict, where=f"{path}, document {index}")
    title = str(record["id"]) if isinstance(record.get("id"), str | int) else f"document {index}"
    where = f"{path}, document {title}"
    field(record, "passages", list, where=where)
    passages = _items(record, "passages", where=where)
    parts: list[tuple[int, str]] = []
    holders: list[dict[str, Any]] = []
    for passage in passages:
        sentences = _items(passage, "sentences", where=where)
        parts += [
            (_number(part, "offset", where=where), optional(part, "text", str, where=where) or "")
            for part in sentences or [passage]
        ]
        holders += [passage, *sentences]
    holders.append(record)
    annotations = list(chain.from_iterable(_items(holder, "annotations", where=where) for holder in holders))
    relations = list(chain.from_iterable(_items(holder, "relations", where=where) for holder in holders))
    base = parts[0][0] if parts else 0
    quotes = [_quote(each, base=base, where=where) for each in annotations]
    try:
        fit = fitting_reading(_readings(parts, where=where), quotes=quotes, same=_same)
    except AtlopError as problem:
        raise AtlopError(f"{problem}; correct it, or leave the document out with --invalid skip") from None
    has_key = any("relations" in holder for holder in holders)
    draft = Draft(title, PlainText(fit.text), where, noun="annotation", directed=directed)
    draft.labelled = has_key if labelled is None else labelled
    _add_mentions(draft, annotations, quotes=quotes, fit=fit)
    groups = _groups(draft, annotations)
    Relations(draft, annotations, relations, groups=groups).add()
    return draft


def _items(record: dict[str, Any], key: str, *, where: str) -> list[dict[str, Any]]:
    return [expect(item, dict, where=f'{where}, "{key}"') for item in optional(record, key, list, where=where) or []]


def _number(record: dict[str, Any], key: str, *, where: str) -> int:
    """Return a number, which XML has as text."""
    value = record.get(key)
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    return field(record, key, int, where=where)


def _quote(annotation: dict[str, Any], *, base: int, where: str) -> Quote:
    name = f"{where}: annotation {annotation.get('id', '')}".rstrip()
    spans: list[Span] = []
    for location in _items(annotation, "locations", where=name):
        start = _number(location, "offset", where=name) - base
        spans.append((start, start + _number(location, "length", where=name)))
    if not spans:
        raise AtlopError(f"{name}: has no location; expected an offset and a length")
    return Quote(tuple(spans), optional(annotation, "text", str, where=name), name)


def _readings(parts: Sequence[tuple[int, str]], *, where: str) -> Iterator[Reading]:
    """Yield the readings of a document's offsets: as characters, UTF-16 units and bytes; the text differs too."""
    first_problem: AtlopError | None = None
    is_ascii = all(text.isascii() for _, text in parts)
    built = 0
    for width in (_one,) if is_ascii else (_one, utf16_width, utf8_width):
        text, end = "", 0
        try:
            for offset, part in parts:
                gap = offset - parts[0][0] - end
                if not 0 <= gap <= _MAX_GAP:
                    raise AtlopError(
                        f"{where}: a passage or sentence begins at {offset}, but the text before it ends at "
                        f"{parts[0][0] + end}; expected offsets through the document, in order"
                    )
                text += " " * gap + part
                end += gap + sum(map(width, part))
        except AtlopError as problem:
            first_problem = first_problem or problem
            continue
        built += 1
        yield Reading(text, range(len(text) + 1) if width is _one else positions_of(text, width=width))
    if first_problem is not None and not built:
        raise first_problem


def _one(character: str) -> int:
    return 1


def _same(found: str, quoted: str) -> bool:
    """Whether an annotation's text is what stands there, or a form of it in ASCII, or the same but for punctuation."""
    if same_line(found, quoted):
        return True
    if len(found) == len(quoted):
        return all(one == other or not one.isascii() for one, other in zip(found, quoted, strict=True))
    return " " in found and found.translate(_IGNORED) == quoted.translate(_IGNORED)


def _add_mentions(
    draft: Draft, annotations: Sequence[dict[str, Any]], *, quotes: Sequence[Quote], fit: Reading
) -> None:
    individual = {
        (identifier, fit.characters(quote.spans))
        for annotation, quote in zip(annotations, quotes, strict=True)
        if _infons(annotation).get("CompositeRole") == "IndividualMention"
        for identifier in identifiers_of(_infons(annotation))
    }
    for index, (annotation, quote) in enumerate(zip(annotations, quotes, strict=True)):
        infons = _infons(annotation)
        spans = fit.characters(quote.spans)
        assert spans is not None, "the reading fits all annotations"
        if infons.get("CompositeRole") == "CompositeMention":
            start, end = spans[0][0], spans[-1][1]
            parts = {name for name, each in individual if each and start <= each[0][0] and each[-1][1] <= end}
            if parts >= set(identifiers_of(infons)):
                draft.left_out["composite mentions"] += 1
                continue
        if quote.text is not None and not same_line(draft.content.text_at(spans), quote.text):
            draft.left_out["normalised texts of mentions"] += 1
        type_ = infons.get("type", "")
        draft.mention(index, *spans, type=type_ if isinstance(type_, str) else abbreviated(type_), label=quote.where)


def _infons(record: dict[str, Any]) -> dict[str, Any]:
    infons = record.get("infons")
    return infons if isinstance(infons, dict) else {}


def _groups(draft: Draft, annotations: Sequence[dict[str, Any]]) -> dict[str, list[Group]]:
    """Group mentions by identifier and type; return the groups of each identifier."""
    keys: dict[tuple[str, str], list[int]] = {}
    for index, annotation in enumerate(annotations):
        if not draft.has(index):
            continue
        type_ = str(_infons(annotation).get("type", ""))
        for identifier in identifiers_of(_infons(annotation)):
            if identifier in NO_IDENTIFIER:
                draft.group([index], identifier=identifier)
            else:
                keys.setdefault((identifier, type_), []).append(index)
    groups: dict[str, list[Group]] = {}
    for (identifier, _), members in keys.items():
        groups.setdefault(identifier, []).append(draft.group(members, identifier=identifier))
    return groups
