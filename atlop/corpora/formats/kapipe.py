"""KAPipe: a list of documents with `mentions`, and `entities` and `relations` that name them by index.

`sentences` are words parted by spaces; `span` of a mention is its first and last word in the document. With
`not_include_pairs`, the other pairs are those to classify.
"""

from collections.abc import Iterator
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, Group, PlainWords, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document


def read_kapipe(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    records = read_records(path, keys='"doc_key", "sentences", "mentions" and "entities"', issues=issues)
    return read_drafts((partial(_draft, record, where=f"{path}, {name}") for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, where: str) -> Draft:
    title = field(record, "doc_key", str, where=where)
    sentences = field(record, "sentences", list, where=where)
    words = tuple(tuple(expect(sentence, str, where=where).split(" ")) for sentence in sentences)
    draft = Draft(title, PlainWords(words), where, labelled=record.get("relations") is not None, in_file_order=True)
    for index, mention in enumerate(_items(record, "mentions", where=where)):
        location = f"{where}, mention {index}"
        span = integers(field(mention, "span", list, where=location), where=location)
        if len(span) != 2:
            raise AtlopError(f"{location}: expected [first word, last word], found {abbreviated(span)}")
        spans = (span[0], span[1] + 1)
        draft.mention(index, spans, type=optional(mention, "entity_type", str, where=location) or "")
        name, found = optional(mention, "name", str, where=location), draft.content.text_at((spans,))
        if name is not None and name.split() != found.split():
            raise AtlopError(
                f"{location}: is {abbreviated(name)}, but its words are {abbreviated(found)}; the end is the last "
                "word, not one past it"
            )
    groups = []
    for index, entity in enumerate(_items(record, "entities", where=where)):
        location = f"{where}, entity {index}"
        indices = integers(field(entity, "mention_indices", list, where=location), where=location)
        identifier, type_ = (optional(entity, key, str, where=location) for key in ("entity_id", "entity_type"))
        groups.append(draft.group(indices, identifier=identifier, type=type_))
    for index, relation in enumerate(_items(record, "relations", where=where)):
        location = f"{where}, relation {index}"
        subject, object_ = (_entity(relation, key, groups, where=location) for key in ("arg1", "arg2"))
        draft.relate(subject, object_, field(relation, "relation", str, where=location), where=location)
    if "not_include_pairs" in record:
        left_out = set()
        for index, pair in enumerate(_items(record, "not_include_pairs", where=where)):
            left_out.add(tuple(field(pair, key, int, where=f"{where}, pair {index}") for key in ("arg1", "arg2")))
        if left_out:
            draft.pairs = tuple(pair for pair in permutations(range(len(groups)), 2) if pair not in left_out)
    return draft


def _items(record: dict[str, Any], key: str, *, where: str) -> list[dict[str, Any]]:
    return [expect(item, dict, where=f'{where}, "{key}"') for item in optional(record, key, list, where=where) or []]


def _entity(relation: dict[str, Any], key: str, groups: list[Group], *, where: str) -> Group:
    index = field(relation, key, int, where=where)
    if not 0 <= index < len(groups):
        raise AtlopError(f'{where}: its "{key}" is entity {index}, but the document has {len(groups)}, numbered from 0')
    return groups[index]


def _matches(start: FileStart) -> bool:
    sentences = start.json_object.get("sentences")
    return "doc_key" in start.json_keys and isinstance(sentences, list) and isinstance((sentences or [None])[0], str)


KAPIPE = Format(
    "kapipe",
    read=read_kapipe,
    matches=_matches,
    description='KAPipe: a list of objects with "doc_key" and "sentences", which are strings',
)
