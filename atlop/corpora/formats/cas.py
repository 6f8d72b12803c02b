"""UIMA CAS in JSON, as INCEpTION exports it: one document, whose offsets are UTF-16 units.

Entities are the annotations of the types that relations join (`@Governor` and `@Dependent`); without relations, named
entities or the only type with a label. Coreference chains group them, and so do equal identifiers.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.standoff import Draft, Group, Key, PlainText, read_drafts
from atlop.corpora.text.offset_units import Quote, Reading, fitting_reading, positions_of, utf16_width
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import expect, field
from atlop.schema import Document, Span

_STRUCTURES = "%FEATURE_STRUCTURES"
_ENDS = ("@Governor", "@Dependent")
_Structure = dict[str, Any]


def read_cas(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of a file.

    Raises:
        AtlopError: The file cannot be read, or is invalid and `issues` is strict.
    """
    return read_drafts([partial(_draft, path)], issues=issues)


def _draft(path: Path) -> Draft:
    where = str(path)
    record = expect(read_json(path), dict, where=where)
    found = record.get(_STRUCTURES)
    listed = found.items() if isinstance(found, dict) else [(None, each) for each in expect(found, list, where=where)]
    by_id: dict[int, _Structure] = {}
    for name, each in listed:
        structure: _Structure = expect(each, dict, where=f"{where}, {_STRUCTURES}")
        key = structure.get("%ID", int(name) if name is not None and name.isdecimal() else name)
        number = expect(key, int, where=f"{where}, %ID")
        if number in by_id:
            raise AtlopError(f"{where}: %ID {number} stands twice; give each structure its own")
        by_id[number] = structure
    text = next((each["sofaString"] for each in by_id.values() if isinstance(each.get("sofaString"), str)), None)
    if text is None:
        raise AtlopError(f'{where}: has no text; expected a structure with "sofaString"')
    relations = {key: each for key, each in by_id.items() if all(isinstance(each.get(end), int) for end in _ENDS)}
    words = {key for key, each in relations.items() if _type(by_id.get(each["@Governor"], {})).endswith(".Token")}
    relations = {key: each for key, each in relations.items() if key not in words}
    draft = Draft(_title(by_id, path), PlainText(text), where, noun="annotation", labelled=bool(relations))
    draft.left_out["relations between words"] += len(words)
    draft.skipped_relations += sum({"@target", "role"} <= each.keys() for each in by_id.values())
    fit = Reading(text, positions_of(text, width=utf16_width))
    types = _entity_types(by_id, relations, where=where)
    spans: dict[Span, Key] = {}
    for key, each in by_id.items():
        if _type(each) in types:
            span = _span(each, fit=fit, where=f"{where}: annotation {key}")
            draft.mention(key, span, type=_label(each))
            spans.setdefault(span, key)
    groups = _groups(draft, by_id, spans, fit=fit)
    for key, each in relations.items():
        subject, object_ = (groups.get(each[end], each[end]) for end in _ENDS)
        label = _label(each) or _type(each).rpartition(".")[2]
        draft.relate(subject, object_, label, where=f"{where}: relation {key}")
    return draft


def _type(structure: _Structure) -> str:
    return str(structure.get("%TYPE", ""))


def _label(structure: _Structure) -> str:
    values = [structure.get("label"), structure.get("value")]
    values += [
        value for name, value in structure.items() if name[:1] not in "%@" and name not in ("identifier", "uiName")
    ]
    return next((value for value in values if isinstance(value, str) and value), "")


def _title(by_id: dict[int, _Structure], path: Path) -> str:
    values = (each.get(key) for key in ("documentTitle", "documentId") for each in by_id.values())
    return next((value for value in values if isinstance(value, str) and value), path.name.split(".")[0])


def _entity_types(by_id: dict[int, _Structure], relations: dict[int, _Structure], *, where: str) -> set[str]:
    joined = {_type(by_id[end]) for each in relations.values() for end in map(each.get, _ENDS) if end in by_id}
    if joined:
        return joined
    spans = {_type(each) for each in by_id.values() if {"begin", "end"} <= each.keys() and _label(each)}
    spans = {name for name in spans if ".coref." not in name and not name.endswith((".POS", ".Lemma", "MetaData"))}
    named = {name for name in spans if name.endswith(".NamedEntity")}
    if not named and len(spans) > 1:
        raise AtlopError(f"{where}: cannot tell which type has the entities: {', '.join(sorted(spans))}")
    return named or spans


def _span(structure: _Structure, *, fit: Reading, where: str) -> Span:
    span = field(structure, "begin", int, where=where), field(structure, "end", int, where=where)
    fitting_reading([fit], quotes=[Quote((span,), None, where)])
    [characters] = fit.characters((span,)) or (span,)
    return characters


def _groups(draft: Draft, by_id: dict[int, _Structure], spans: dict[Span, Key], *, fit: Reading) -> dict[Key, Group]:
    """Group the mentions of each chain, and other ones with the same identifier; return the first group of each.

    A link at no mention is a mention without a type.
    """
    members: dict[Key, list[Key]] = defaultdict(list)
    for chain, structure in by_id.items():
        link, seen = structure.get("@first"), set[Key]()
        while isinstance(link, int) and link in by_id and link not in seen:
            seen.add(link)
            span = _span(by_id[link], fit=fit, where=f"{draft.where}: link {link}")
            if span not in spans:
                spans[span] = f"link {link}"
                draft.mention(spans[span], span)
            members["chain", chain].append(spans[span])
            link = by_id[link].get("@next")
    in_chains = {key for keys in members.values() for key in keys}
    identifiers = {key: each["identifier"] for key, each in by_id.items() if isinstance(each.get("identifier"), str)}
    for key, identifier in identifiers.items():
        if draft.has(key) and key not in in_chains:
            members[identifier].append(key)
    first: dict[Key, Group] = {}
    for keys in members.values():
        named = [identifiers[each] for each in keys if isinstance(each, int) and each in identifiers]
        group = draft.group(keys, identifier=named[0] if named else None)
        for member in keys:
            first.setdefault(member, group)
    return first


CAS = Format(
    "cas",
    read=read_cas,
    matches=lambda start: _STRUCTURES in start.json_keys,
    description='UIMA CAS in JSON: an object with "%FEATURE_STRUCTURES"',
)
