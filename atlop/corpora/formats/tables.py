"""Spreadsheets: a folder with `mentions.csv`, `relations.csv` and the texts, `texts/NAME.txt`, in UTF-8.

`mentions.csv` has the columns `document` (the name of its text), `start`, `end`, `entity` and `type`: characters,
without a byte order mark, the end one past the last. Mentions of a document with the same `entity`, which becomes its
identifier, are one entity; each without one is one of its own. `relations.csv` has `document`, `subject`, `object` and
`relation`; subject and object are values of `entity`. Without it, no document is labelled.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path

from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.standoff import Draft, Group, PlainText, read_drafts
from atlop.errors import AtlopError
from atlop.files import opened
from atlop.json_values import abbreviated
from atlop.schema import Document

_MENTIONS, _RELATIONS = "mentions.csv", "relations.csv"
_Row = tuple[str, dict[str, str]]
"""Location and values of a row."""


def read_tables(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of each text, in the order of their names.

    Raises:
        AtlopError: There is no text, a table lacks a column or names a text that is not there, or a document is invalid
            and `issues` is strict.
    """
    texts = {file.stem: file for file in sorted((path / "texts").glob("[!.]*.txt"))}
    if not texts:
        raise AtlopError(f"{path}: expected texts in {path / 'texts'}, named like skai.txt; found none")
    labelled = (path / _RELATIONS).exists()
    mentions = _rows(path / _MENTIONS, ("document", "start", "end"), texts=texts)
    relations = _rows(path / _RELATIONS, ("document", "subject", "object", "relation"), texts=texts) if labelled else {}
    return read_drafts(
        (
            partial(_draft, file, mentions.get(name, []), relations.get(name, []), labelled=labelled)
            for name, file in texts.items()
        ),
        issues=issues,
    )


def _rows(path: Path, columns: tuple[str, ...], *, texts: dict[str, Path]) -> dict[str, list[_Row]]:
    """Return the rows of each document."""
    with opened(path) as file:
        data = file.read()
    try:
        reader = csv.DictReader(StringIO(data.decode(), newline=""))
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "none"
            raise AtlopError(f"{path}: column {', '.join(missing)} is missing; found {found} (parted by commas)")
        rows: dict[str, list[_Row]] = defaultdict(list)
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            name = row["document"] or ""
            if name not in texts:
                raise AtlopError(f"{where}: names document {abbreviated(name)}, but there is no texts/{name}.txt")
            rows[name].append((where, {key: value or "" for key, value in row.items() if isinstance(key, str)}))
    except UnicodeDecodeError as error:
        raise AtlopError(f"{path}: byte {error.start} is not UTF-8; save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise AtlopError(f"{path}: not a table in CSV ({error})") from None
    return rows


def _draft(file: Path, mentions: list[_Row], relations: list[_Row], *, labelled: bool) -> Draft:
    with opened(file) as source:
        data = source.read()
    try:
        text = data.decode()  # read_text would change line ends, and offsets
    except UnicodeDecodeError as error:
        raise AtlopError(f"{file}: byte {error.start} is not UTF-8; expected a text in UTF-8") from None
    draft = Draft(file.stem, PlainText(text), str(file), labelled=labelled, in_file_order=True)
    keys: dict[str, list[int]] = defaultdict(list)
    for index, (where, row) in enumerate(mentions):
        start, end = (_number(row[column], column, where=where) for column in ("start", "end"))
        draft.mention(index, (start, end), type=row.get("type", ""), where=where, label="the mention")
        if row.get("entity"):
            keys[row["entity"]].append(index)
    groups: dict[str, Group] = {name: draft.group(members, identifier=name) for name, members in keys.items()}
    for where, row in relations:
        for column in ("subject", "object"):
            if row[column] not in groups:
                raise AtlopError(
                    f"{where}: its {column} is {abbreviated(row[column])}, but no mention of {file.stem} has this "
                    "entity"
                )
        if not row["relation"].strip():
            raise AtlopError(f"{where}: its relation is blank; name it, or remove the row")
        draft.relate(groups[row["subject"]], groups[row["object"]], row["relation"], where=where)
    return draft


def _number(value: str, column: str, *, where: str) -> int:
    if not value.strip().isdecimal() or len(value) > 9:
        raise AtlopError(f"{where}: its {column} is {abbreviated(value)}; expected characters, counted from 0")
    return int(value)


TABLES = Format(
    "tables",
    read=read_tables,
    matches=lambda start: (start.path / _MENTIONS).is_file(),
    description=f"a folder with {_MENTIONS}, {_RELATIONS} and texts/",
    is_folder=True,
)
