"""OpenNRE, Wiki80 and NYT10: a sentence with one pair of mentions a line.

`h` and `t` have `name`, `id` and `pos`, first and one past the last: of words with `token`, of characters with `text`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atlop.corpora.formats.format import Format
from atlop.corpora.formats.spert import SENTENCES_HINT
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Content, Draft, PlainText, PlainWords, read_drafts
from atlop.corpora.text.offset_units import Quote, fitting_reading, readings_of
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Span


def read_opennre(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield a document for each sentence and pair.

    Raises:
        AtlopError: The file cannot be read, or a sentence is invalid and `issues` is strict.
    """
    issues.add_hint(SENTENCES_HINT)
    records = read_records(path, keys='"text" or "token", "h", "t" and "relation"', issues=issues)
    return read_drafts((partial(_draft, record, name=name, path=path) for name, record in records), issues=issues)


def _draft(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    where = f"{path}, {name}"
    ends = {role: field(record, role, dict, where=where) for role in ("h", "t")}
    spans: dict[str, Span] = {}
    for role, end in ends.items():
        position = integers(field(end, "pos", list, where=f"{where}, {role}"), where=f'{where}, {role}, "pos"')
        if len(position) != 2:
            raise AtlopError(
                f'{where}, {role}, "pos": expected [first, one past the last], found {abbreviated(position)}'
            )
        spans[role] = position[0], position[1]
    names = {role: optional(end, "name", str, where=f"{where}, {role}") for role, end in ends.items()}
    if "token" in record:
        words = tuple(expect(word, str, where=f"{where}, token") for word in field(record, "token", list, where=where))
        content: Content = PlainWords((words,))
    else:
        text = field(record, "text", str, where=where)
        quotes = [Quote((spans[role],), names[role], f"{where}: {role}") for role in spans]
        fit = fitting_reading(readings_of(text), quotes=quotes, same=_same)
        spans = {role: (fit.characters((span,)) or (span,))[0] for role, span in spans.items()}
        content = PlainText(text)
    relation = optional(record, "relation", str, where=where)
    draft = Draft(name, content, where, labelled=relation is not None, in_file_order=True, pairs=((0, 1),))
    for role, end in ends.items():
        draft.mention(role, spans[role], label=role)
        found, quoted = content.text_at((spans[role],)), names[role]
        if quoted is not None and not _same(found, quoted):
            raise AtlopError(f"{where}: {role} is {abbreviated(quoted)}, but {abbreviated(found)} stands at its words")
        draft.group([role], identifier=optional(end, "id", str, where=f"{where}, {role}"))
    if relation is not None:
        draft.relate("h", "t", relation)
    return draft


def _same(found: str, quoted: str) -> bool:
    return "".join(found.split()).casefold() == "".join(quoted.split()).casefold()


OPENNRE = Format(
    "opennre",
    read=read_opennre,
    matches=lambda start: {"h", "t", "relation"} <= set(start.json_keys),
    description='OpenNRE: objects with "h", "t" and "relation", one a line',
    negative="NA",
)
