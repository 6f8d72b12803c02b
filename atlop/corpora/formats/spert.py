"""SpERT (CoNLL04, ADE), and TablERT's variety of it: a list of sentences.

`tokens` are words; `entities` have `type`, `start` and `end`, one past the last word; `relations` have `type`, `head`
and `tail`, indices of entities. TablERT has `tags` instead of entities: `U-` for one word, `B-`, `I-`, `L-` for
several.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainWords, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field
from atlop.schema import Document, Span

SENTENCES_HINT = "each document is one sentence, and facts are between two mentions"


def read_spert(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield a document for each sentence.

    Raises:
        AtlopError: The file cannot be read, or a sentence is invalid and `issues` is strict.
    """
    issues.add_hint(SENTENCES_HINT)
    records = read_records(path, keys='"tokens", "entities" and "relations"', issues=issues)
    return read_drafts((partial(_draft, record, name=name, path=path) for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    where = f"{path}, {name}"
    words = tuple(expect(word, str, where=f"{where}, tokens") for word in field(record, "tokens", list, where=where))
    labelled = record.get("relations") is not None
    draft = Draft(name, PlainWords((words,)), where, noun="entity", labelled=labelled, in_file_order=True)
    if "tags" in record and "entities" not in record:
        for index, (span, type_) in enumerate(_spelt(field(record, "tags", list, where=where), where=where)):
            draft.mention(index, span, type=type_)
    else:
        for index, item in enumerate(field(record, "entities", list, where=where)):
            location = f"{where}, entity {index}"
            entity: dict[str, Any] = expect(item, dict, where=location)
            span = field(entity, "start", int, where=location), field(entity, "end", int, where=location)
            draft.mention(index, span, type=field(entity, "type", str, where=location))
    for index, item in enumerate(field(record, "relations", list, where=where) if labelled else ()):
        location = f"{where}: relation {index}"
        relation: dict[str, Any] = expect(item, dict, where=location)
        subject, object_ = (field(relation, role, int, where=location) for role in ("head", "tail"))
        draft.relate(subject, object_, field(relation, "type", str, where=location), where=location)
    return draft


def _spelt(tags: list[Any], *, where: str) -> Iterator[tuple[Span, str]]:
    """Yield the entities that tags spell, left to right."""
    first: int | None = None
    type_ = ""
    for index, tag in enumerate(tags):
        prefix, _, name = expect(tag, str, where=f"{where}, tags").partition("-")
        continues = first is not None and name == type_
        if (
            prefix not in ("O", "U", "B", "I", "L")
            or (prefix in ("I", "L")) != (first is not None)
            or (first is not None and not continues)
        ):
            raise AtlopError(
                f"{where}, tag {index}: {abbreviated(tag)} does not follow; expected U-, or B-, I- and L- of one type"
            )
        if prefix == "U":
            yield (index, index + 1), name
        elif prefix == "B":
            first, type_ = index, name
        elif prefix == "L" and first is not None:
            yield (first, index + 1), name
            first = None
    if first is not None:
        raise AtlopError(
            f"{where}, tags: the entity that begins at word {first} does not end; expected a tag L-{type_}"
        )


def _matches(start: FileStart) -> bool:
    keys = set(start.json_keys)
    return {"tokens", "relations"} <= keys and not {"entities", "tags"}.isdisjoint(keys) and "mentions" not in keys


SPERT = Format(
    "spert",
    read=read_spert,
    matches=_matches,
    description='SpERT and CoNLL04: a list of objects with "tokens", "entities" and "relations"',
)
