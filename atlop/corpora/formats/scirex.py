"""SciREX: `words` in one list; sentences, mentions (`ner`) and clusters (`coref`) are spans of them, ends exclusive.

`coref` has the mentions of each named entity, `n_ary_relations` names of up to four entities by their roles. Each two
of them that have mentions are one fact, `RoleA-RoleB`, with the roles in alphabetical order.
"""

from collections.abc import Iterator
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, Group, PlainWords, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Span


def read_scirex(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    issues.add_hint("relations with several ends become a fact for each two of their roles, such as Material-Method")
    records = read_records(path, keys='"words", "ner", "coref" and "n_ary_relations"', issues=issues)
    return read_drafts((partial(_draft, record, where=f"{path}, {name}") for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, where: str) -> Draft:
    title = str(record["doc_id"]) if isinstance(record.get("doc_id"), str | int) else where.rpartition(", ")[2]
    words = [expect(word, str, where=f"{where}, words") for word in field(record, "words", list, where=where)]
    given = [
        _span(item, where=f"{where}, sentences")[0] for item in optional(record, "sentences", list, where=where) or []
    ]
    starts = sorted({0, *(start for start in given if 0 < start < len(words))})
    sentences = tuple(tuple(words[first:end]) for first, end in pairwise([*starts, len(words)]))
    labelled = record.get("n_ary_relations") is not None
    draft = Draft(title, PlainWords(sentences), where, noun="words", labelled=labelled)
    for index, item in enumerate(optional(record, "ner", list, where=where) or []):
        location = f"{where}, mention {index}"
        if not isinstance(item, list) or len(item) != 3:
            raise AtlopError(f"{location}: expected [first word, one past the last, type], found {abbreviated(item)}")
        span = _span(item[:2], where=location)
        key = span if not draft.has(span) else (*span, index)
        draft.mention(key, span, type=expect(item[2], str, where=location), where=location)
    groups: dict[str, Group] = {}
    for kind in ("coref", "coref_non_salient"):
        for name, spans in (optional(record, kind, dict, where=where) or {}).items():
            identifier = name if kind == "coref" else None
            group = draft.group(_cluster(draft, spans, where=f"{where}, {kind}, {name}"), identifier=identifier)
            if kind == "coref":
                groups[name] = group
    for index, item in enumerate(optional(record, "n_ary_relations", list, where=where) or []):
        relation: dict[str, Any] = expect(item, dict, where=f"{where}, relation {index}")
        ends = sorted((role, name) for role, name in relation.items() if role.lower() != "score")
        for (role, name), (other_role, other) in combinations(ends, 2):
            for entity in (name, other):
                if not isinstance(entity, str) or entity not in groups:
                    raise AtlopError(
                        f'{where}, relation {index} names {abbreviated(entity)}, which "coref" does not have'
                    )
            draft.relate(groups[name], groups[other], f"{role}-{other_role}", where=where)
    return draft


def _span(item: object, *, where: str) -> Span:
    first, *rest = integers(expect(item, list, where=where), where=where) or (0,)
    if len(rest) != 1:
        raise AtlopError(f"{where}: expected [first word, one past the last], found {abbreviated(item)}")
    return first, rest[0]


def _cluster(draft: Draft, spans: object, *, where: str) -> list[Span]:
    """Return the mentions of a cluster; those that `ner` lacks are added."""
    found = [_span(item, where=where) for item in expect(spans, list, where=where)]
    for span in found:
        if not draft.has(span):
            draft.mention(span, span, where=where)
    return found


def _matches(start: FileStart) -> bool:
    keys = set(start.json_keys)
    return "n_ary_relations" in keys or {"words", "coref"} <= keys


SCIREX = Format(
    "scirex",
    read=read_scirex,
    matches=_matches,
    description='SciREX: objects with "words", "coref" and "n_ary_relations", one a line',
)
