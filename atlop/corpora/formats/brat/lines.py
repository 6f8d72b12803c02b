"""Parsing of brat's annotations: a line each, its id, content and text parted by tabs."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from atlop.corpora.text.offset_units import Quote
from atlop.corpora.text.utf8 import decode_line
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated
from atlop.schema import Span

_MENTION = re.compile(r"(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\s*")
NO_TYPE = "_"
"""Type of a mention that has none, since the columns of a line cannot be empty."""
_LOST = {"A": "attributes", "M": "attributes", "#": "notes"}


@dataclass
class Annotations:
    """The lines of one file of annotations."""

    mentions: dict[str, tuple[Quote, str]] = field(default_factory=dict)
    """Spans, text and type of each mention; `NO_TYPE` is read as an empty one."""
    triggers: dict[str, str] = field(default_factory=dict)
    """Mention of each event's trigger."""
    relations: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)
    """Location, name, and the role and id of each end."""
    equivalences: list[tuple[str, list[str]]] = field(default_factory=list)
    identifiers: list[tuple[str, str, str]] = field(default_factory=list)
    """Location, annotation and identifier."""
    lost: list[str] = field(default_factory=list)


def parse_annotations(file: Path) -> Annotations:
    """Parse a file.

    Raises:
        AtlopError: It cannot be read, a line is malformed, or an id stands twice.
    """
    found = Annotations()
    seen: set[str] = set()
    for number, line in enumerate(read_lines(file), start=1):
        where = f"{file}, line {number}"
        text = decode_line(line, where=where).rstrip("\r\n")
        if not text.strip():
            continue
        name, tab, rest = text.partition("\t")
        if not tab or not name or name != name.strip() or " " in name:
            raise AtlopError(
                f"{where}: expected an id, a tab and the annotation, found {abbreviated(text)}; columns are parted by "
                "tabs"
            )
        if name[0] in "TREN":
            if name in seen:
                raise AtlopError(f"{where}: {name} stands twice in the file; give each annotation its own id")
            seen.add(name)
        _add(found, name, rest, where=where)
    return found


def _add(found: Annotations, name: str, rest: str, *, where: str) -> None:
    content, _, text = rest.partition("\t")
    fields = content.split()
    if name[0] == "T":
        match = _MENTION.fullmatch(content)
        if match is None:
            raise AtlopError(
                f"{where}: {name} is {abbreviated(content)}; expected a type and offsets, such as Person 0 5;16 23, "
                "then a tab and the text"
            )
        spans: tuple[Span, ...] = tuple(
            (int(start), int(end)) for start, end in (part.split() for part in match[2].split(";"))
        )
        type_ = "" if match[1] == NO_TYPE else match[1]
        found.mentions[name] = Quote(spans, text if "\t" in rest else None, f"{where}: {name}"), type_
    elif name[0] == "*":
        found.equivalences.append((where, fields[1:]))
    elif name[0] == "R":
        ends = [(role.lower(), end) for role, colon, end in (each.partition(":") for each in fields[1:]) if colon]
        if not fields or len(ends) < len(fields) - 1:
            raise AtlopError(f"{where}: {name} is {abbreviated(content)}; expected a name, and ends such as Arg1:T1")
        found.relations.append((f"{where}: {name}", fields[0], ends))
    elif name[0] == "E":
        kind, _, trigger = fields[0].partition(":") if fields else ("", "", "")
        if not kind or not trigger:
            raise AtlopError(f"{where}: {name} is {abbreviated(content)}; expected a type and its trigger, Type:T1")
        found.triggers[name] = trigger
        found.lost.append("events")
    elif name[0] == "N":
        if len(fields) >= 3:
            found.identifiers.append((f"{where}: {name}", fields[1], fields[2]))
    elif name[0] in _LOST:
        found.lost.append(_LOST[name[0]])
    else:
        raise AtlopError(
            f"{where}: {abbreviated(name)} is no id of brat; expected one that begins with T, R, E, N, A or #"
        )
