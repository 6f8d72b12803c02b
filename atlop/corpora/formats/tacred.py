"""TACRED and Re-TACRED: a list of sentences with one pair of mentions each, by words with both ends inclusive.

Other entities of a sentence are not annotated, so that the pair is the only one to classify.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.formats.format import Format
from atlop.corpora.formats.spert import SENTENCES_HINT
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainWords, read_drafts
from atlop.errors import AtlopError
from atlop.json_values import expect, field, optional
from atlop.schema import Document

_MASKS = ("SUBJ-", "OBJ-")
"""Beginnings of the words that some conversions put in place of the mentions."""


def read_tacred(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield a document for each sentence and pair.

    Raises:
        AtlopError: The file cannot be read, or a sentence is invalid and `issues` is strict.
    """
    issues.add_hint(SENTENCES_HINT)
    records = read_records(path, keys='"token", "subj_start", "obj_start" and "relation"', issues=issues)
    masked = 0
    for document in read_drafts(
        (partial(_draft, record, name=name, path=path) for name, record in records), issues=issues
    ):
        masked += any(word.startswith(_MASKS) for words in document.sentences for word in words)
        yield document
    if masked:
        issues.add_hint(f"{masked:,} sentences have words such as SUBJ-PERSON in place of their mentions")


def _draft(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    where = f"{path}, {name}"
    key = "token" if "token" in record else "tokens"
    words = tuple(expect(word, str, where=f"{where}, {key}") for word in field(record, key, list, where=where))
    title = str(record["id"]) if isinstance(record.get("id"), str | int) else name
    relation = optional(record, "relation", str, where=where)
    labelled = relation is not None
    draft = Draft(title, PlainWords((words,)), where, labelled=labelled, in_file_order=True, pairs=((0, 1),))
    for role in ("subj", "obj"):
        first, last = (field(record, f"{role}_{end}", int, where=where) for end in ("start", "end"))
        if last < first:
            raise AtlopError(f"{where}: its {role} is at words {first} to {last}; expected the first and the last word")
        type_ = optional(record, f"{role}_type", str, where=where) or ""
        draft.mention(role, (first, last + 1), type=type_, label=f"its {role}")
        draft.group([role])  # which counts in the pair even where its words are blank
    if relation is not None:
        draft.relate("subj", "obj", relation)
    return draft


TACRED = Format(
    "tacred",
    read=read_tacred,
    matches=lambda start: "subj_start" in start.json_keys,
    description='TACRED: a list of objects with "token", "subj_start" and "relation"',
    negative="no_relation",
)
