"""DyGIE++ and SciERC: sentences of words; all offsets are words of the whole document, both ends inclusive.

`ner` has a list of `[first, last, type]` for each sentence, `relations` one of `[first, last, first, last, relation]`,
`clusters` lists of `[first, last]`: mentions of one entity, some of which `ner` may lack (they have no type). Events
and predictions are left out.
"""

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainWords, merged_sets, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Span


def read_dygie(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    records = read_records(path, keys='"doc_key", "sentences", "ner" and "relations"', issues=issues)
    return read_drafts((partial(_draft, record, where=f"{path}, {name}") for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, where: str) -> Draft:
    sentences = word_lists(record, "sentences", where=where)
    key = record.get("doc_key")
    title = str(key) if type(key) is int else expect(key, str, where=f'{where}, "doc_key"')
    predicted = [name for name in ("predicted_ner", "predicted_relations") if name in record]
    if predicted and "ner" not in record:
        raise AtlopError(
            f"{where}: has predictions ({predicted[0]}) alone; expected annotations, under ner and relations"
        )
    draft = Draft(title, PlainWords(sentences), where, noun="words", labelled=record.get("relations") is not None)
    bounds = [0, *accumulate(map(len, sentences))]
    types: dict[str, list[str]] = {}
    for index, item in _listed(record, "ner", count=len(sentences), where=where):
        location = f"{where}, sentence {index}"
        *offsets, type_ = _checked(item, 3, where=location)
        span = _span(offsets, where=location)
        if not bounds[index] <= span[0] < span[1] <= bounds[index + 1]:
            raise AtlopError(
                f"{location}: has a mention at words {span[0]} to {span[1] - 1}, but the sentence has words "
                f"{bounds[index]} to {bounds[index + 1] - 1}; offsets count through the document"
            )
        known = types.setdefault(_key(span), [])
        if type_ not in known:
            known.append(type_)
            draft.mention(
                _key(span) if len(known) == 1 else f"{_key(span)} as {type_}", span, type=type_, where=location
            )
    for keys in merged_sets(_clusters(record, draft, types, where=where)):
        draft.group(keys)
    for index, item in _listed(record, "relations", count=len(sentences), where=where):
        location = f"{where}, sentence {index}: relation {abbreviated(item)}"
        *offsets, relation = _checked(item, 5, where=location)
        subject, object_ = _span(offsets[:2], where=location), _span(offsets[2:], where=location)
        draft.relate(_key(subject), _key(object_), relation, where=location)
    for name in ("events", "event_clusters"):
        draft.left_out[name.replace("_", " ")] += sum(map(len, optional(record, name, list, where=where) or []))
    return draft


def word_lists(record: dict[str, Any], key: str, *, where: str) -> tuple[tuple[str, ...], ...]:
    """Return sentences that are lists of words.

    Raises:
        AtlopError: They are not.
    """
    sentences = []
    for index, words in enumerate(field(record, key, list, where=where)):
        location = f"{where}, sentence {index}"
        sentences.append(tuple(expect(word, str, where=location) for word in expect(words, list, where=location)))
    return tuple(sentences)


def _listed(record: dict[str, Any], key: str, *, count: int, where: str) -> Iterator[tuple[int, Any]]:
    """Yield each item of the lists under a key, with the index of its sentence."""
    lists = optional(record, key, list, where=where)
    if lists is not None and len(lists) != count:
        raise AtlopError(
            f'{where}: "{key}" has {len(lists)} lists, but there are {count} sentences; expected one for each'
        )
    for index, items in enumerate(lists or ()):
        for item in expect(items, list, where=f'{where}, sentence {index}, "{key}"'):
            yield index, item


def _checked(item: object, length: int, *, where: str) -> list[Any]:
    """Return a list of offsets and a name; predictions have two numbers more."""
    if not isinstance(item, list) or len(item) < length:
        raise AtlopError(f"{where}: expected {length - 1} offsets and a name, found {abbreviated(item)}")
    expect(item[length - 1], str, where=where)
    return item[:length]


def _span(offsets: list[Any], *, where: str) -> Span:
    if len(offsets) != 2:
        raise AtlopError(f"{where}: expected [first word, last word], found {abbreviated(offsets)}")
    first, last = integers(offsets, where=where)
    return first, last + 1


def _key(span: Span) -> str:
    return f"{span[0]} to {span[1] - 1}"


def _clusters(record: dict[str, Any], draft: Draft, types: dict[str, list[str]], *, where: str) -> list[list[str]]:
    """Return the mentions of each cluster; those that `ner` lacks are added."""
    clusters = []
    for index, cluster in enumerate(optional(record, "clusters", list, where=where) or []):
        location = f"{where}, cluster {index}"
        keys = []
        for item in expect(cluster, list, where=location):
            span = _span(expect(item, list, where=location), where=location)
            key = _key(span)
            if not draft.has(key):
                draft.mention(key, span, where=location)
            keys += [key, *(f"{key} as {type_}" for type_ in types.get(key, [])[1:])]
        clusters.append(keys)
    return clusters


def _matches(start: FileStart) -> bool:
    sentences = start.json_object.get("sentences")
    return (
        "doc_key" in start.json_keys
        and isinstance(sentences, list)
        and not any(isinstance(s, str) for s in sentences[:1])
    )


DYGIE = Format(
    "dygie",
    read=read_dygie,
    matches=_matches,
    description='DyGIE++ and SciERC: objects with "doc_key" and "sentences", lists of words',
)
