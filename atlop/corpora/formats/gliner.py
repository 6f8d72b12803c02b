"""GLiNER's and GLiREL's training data: `tokenized_text`, and `ner` with the words of each mention, ends inclusive.

`ner` has `[first, last, type]`, in GLiREL also the name. A relation of GLiNER is `[subject, object, relation]`, indices
into `ner`; one of GLiREL an object with `head` and `tail`, each with the `position` of its mention, and
`relation_text`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainWords, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Span


def read_gliner(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    records = read_records(path, keys='"tokenized_text", "ner" and "relations"', issues=issues)
    return read_drafts((partial(_draft, record, name=name, path=path) for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    where = f"{path}, {name}"
    words = tuple(expect(word, str, where=where) for word in field(record, "tokenized_text", list, where=where))
    labelled = record.get("relations") is not None
    draft = Draft(name, PlainWords((words,)), where, noun="mention", labelled=labelled, in_file_order=True)
    indices: dict[Span, int] = {}
    for index, item in enumerate(field(record, "ner", list, where=where)):
        location = f"{where}, mention {index}"
        if not isinstance(item, list) or len(item) not in (3, 4):
            raise AtlopError(f"{location}: expected [first word, last word, type], found {abbreviated(item)}")
        first, last = integers(item[:2], where=location)
        draft.mention(index, (first, last + 1), type=expect(item[2], str, where=location))
        indices.setdefault((first, last), index)
        if len(item) == 4:
            _check_name(expect(item[3], str, where=location), words[first : last + 1], where=location)
    for index, item in enumerate(field(record, "relations", list, where=where) if labelled else ()):
        location = f"{where}: relation {index}"
        if isinstance(item, dict):
            ends = [_mention(item, role, indices, words, where=location) for role in ("head", "tail")]
            relation = optional(item, "relation_text", str, where=location) or field(
                item, "relation_id", str, where=location
            )
        elif isinstance(item, list) and len(item) == 3:
            ends, relation = list(integers(item[:2], where=location)), expect(item[2], str, where=location)
        else:
            raise AtlopError(f"{location}: expected [subject, object, relation], found {abbreviated(item)}")
        draft.relate(ends[0], ends[1], relation, where=location)
    return draft


def _mention(item: dict[str, Any], role: str, indices: dict[Span, int], words: tuple[str, ...], *, where: str) -> int:
    end = field(item, role, dict, where=where)
    position = integers(field(end, "position", list, where=f"{where}, {role}"), where=f"{where}, {role}")
    if len(position) != 2 or position not in indices:
        raise AtlopError(
            f'{where}: its {role} is at words {abbreviated(position)}, which "ner" does not have; positions include '
            "the last word"
        )
    first, last = position
    if isinstance(name := end.get("mention"), str):
        _check_name(name, words[first : last + 1], where=f"{where}, {role}")
    return indices[first, last]


def _check_name(name: str, words: tuple[str, ...], *, where: str) -> None:
    if "".join(name.split()) != "".join("".join(words).split()):
        raise AtlopError(
            f"{where}: is {abbreviated(name)}, but its words are {abbreviated(' '.join(words))}; expected training "
            "data, where the end is the last word (what GLiREL's model prints, and spaCy's `ent.end`, is one past it)"
        )


GLINER = Format(
    "gliner",
    read=read_gliner,
    matches=lambda start: "tokenized_text" in start.json_keys,
    description='training data of GLiNER and GLiREL: objects with "tokenized_text" and "ner"',
)
