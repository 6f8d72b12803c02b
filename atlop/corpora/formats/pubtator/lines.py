"""Parsing of the lines of a PubTator file: title, abstract, mentions and relations of a document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from atlop.corpora.formats.pubtator.scheme import PubtatorScheme
from atlop.corpora.text.utf8 import decode_line
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated
from atlop.schema import Span

DocumentLines = list[tuple[int, bytes]]
"""Number and bytes of each line of a document."""

_TITLE = re.compile(rb"[^|\t]+\|t\|")
_TITLE_OR_ABSTRACT = re.compile(rb"[^|\t]+\|[ta]\|")
_OFFSETS = re.compile(r"[0-9]{1,9}(?:[,;][0-9]{1,9})*")
_IGNORED = re.compile(r"[\s,;|.]+")


@dataclass(frozen=True, slots=True)
class MentionLine:
    """A mention of one entity or several; `where` is its file, line and document, for messages."""

    where: str
    spans: tuple[Span, ...]
    type: str
    identifiers: tuple[str, ...]
    names: tuple[str, ...]
    """One for each identifier."""


@dataclass(frozen=True, slots=True)
class RelationLine:
    """A relation between two identifiers; `where` is its file, line and document, for messages."""

    where: str
    relation: str
    subject: str
    object: str
    novelty: str | None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The parsed lines of a document."""

    identifier: str
    text: str
    """Title, newline, abstract."""
    mentions: tuple[MentionLine, ...]
    relations: tuple[RelationLine, ...]


def read_document_lines(path: Path) -> Iterator[DocumentLines]:
    """Yield the lines of each document: blank lines separate documents, and a title always begins one.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    lines: DocumentLines = []
    for number, line in enumerate(read_lines(path), start=1):
        blank = not line.strip()
        if lines and (blank or _TITLE.match(line)):
            yield lines
            lines = []
        if not blank:
            lines.append((number, line.removesuffix(b"\n").removesuffix(b"\r")))
    if lines:
        yield lines


def has_relations(path: Path) -> bool:
    """Whether a file has any relation; reading stops at the first.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    for line in read_lines(path):
        if is_relation(line.decode(errors="replace").split("\t")) and not _TITLE_OR_ABSTRACT.match(line):
            return True
    return False


def is_mention(columns: list[str]) -> bool:
    """Whether the columns of a line are those of a mention."""
    return len(columns) in (5, 6, 7) and _OFFSETS.fullmatch(columns[1]) is not None


def is_relation(columns: list[str]) -> bool:
    """Whether the columns of a line are those of a relation."""
    return len(columns) in (4, 5) and not is_mention(columns)


def parse_document_lines(lines: DocumentLines, *, path: Path, scheme: PubtatorScheme) -> ParsedDocument:
    """Parse the lines of a document.

    Raises:
        AtlopError: A line is malformed, or a mention differs from the text at its offsets.
    """
    decoded = [(number, decode_line(line, where=f"{path}, line {number}")) for number, line in lines]
    number, line = decoded[0]
    identifier, title = _text_line(line, kind="t", where=f"{path}, line {number}")
    document = f'(document "{identifier}")'
    if len(decoded) == 1:
        raise AtlopError(f'{path}, line {number} {document}: the abstract is missing; expected "{identifier}|a|…" next')
    number, line = decoded[1]
    found, abstract = _text_line(line, kind="a", where=f"{path}, line {number} {document}")
    _check_document_id(found, identifier, where=f"{path}, line {number} {document}")
    text = f"{title}\n{abstract}"
    mentions: list[MentionLine] = []
    relations: list[RelationLine] = []
    for number, line in decoded[2:]:
        where = f"{path}, line {number} {document}"
        columns = line.split("\t")
        if len(columns) > 1:
            _check_document_id(columns[0], identifier, where=where)
        if is_mention(columns):
            mentions.append(_mention_line(columns, text=text, scheme=scheme, where=where))
        elif is_relation(columns):
            relations.append(_relation_line(columns, where=where))
        else:
            raise AtlopError(
                f"{where}: expected the tab-separated columns of a mention (document, start, end, text, type, "
                f"identifier) or of a relation (document, relation, identifier, identifier), found {abbreviated(line)}"
                + ("" if len(columns) > 1 else ", which has no tab")
            )
    return ParsedDocument(identifier, text, tuple(mentions), tuple(relations))


def _text_line(line: str, *, kind: str, where: str) -> tuple[str, str]:
    identifier, _, rest = line.partition("|")
    if not identifier or "\t" in identifier or not rest.startswith(f"{kind}|"):
        name = {"t": "title", "a": "abstract"}[kind]
        raise AtlopError(f'{where}: expected "identifier|{kind}|{name}", found {abbreviated(line)}')
    return identifier, rest[2:]


def _check_document_id(found: str, expected: str, *, where: str) -> None:
    if found != expected:
        raise AtlopError(
            f"{where}: the line belongs to document {abbreviated(found)}; expected {abbreviated(expected)} "
            "(a new document starts with its title line, after a blank line)"
        )


def _mention_line(columns: list[str], *, text: str, scheme: PubtatorScheme, where: str) -> MentionLine:
    if not _OFFSETS.fullmatch(columns[2]):
        raise AtlopError(f"{where}: expected the mention's end in characters, found {abbreviated(columns[2])}")
    starts, ends = (list(map(int, re.split("[,;]", column))) for column in columns[1:3])
    if len(starts) != len(ends):
        raise AtlopError(f"{where}: starts: {len(starts)}, ends: {len(ends)}; expected as many ends as starts")
    spans = tuple(sorted(zip(starts, ends, strict=True)))
    for start, end in spans:
        if not start < end <= len(text):
            raise AtlopError(
                f"{where}: is at characters {start} to {end}; expected a start before the end, both within the "
                f"{len(text)} characters of title, newline and abstract"
            )
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise AtlopError(
                f"{where}: the span from character {after[0]} to {after[1]} starts before the one from {before[0]} to "
                f"{before[1]} ends; expected spans that do not overlap"
            )
    mention_text = columns[3]
    _check_text(mention_text, text=text, spans=spans, where=where)
    listed = columns[5].split(scheme.identifier_separator) if len(columns) > 5 else [""]
    identifiers = tuple(identifier.strip() or scheme.no_identifier for identifier in listed)
    if len(columns) < 7:
        return MentionLine(where, spans, columns[4], identifiers, (mention_text,) * len(identifiers))
    names = tuple(columns[6].split(scheme.name_separator)) if len(identifiers) > 1 else (columns[6],)
    if len(names) != len(identifiers):
        raise AtlopError(
            f"{where}: the seventh column has {len(names)} names for {len(identifiers)} identifiers; "
            "expected one name per identifier"
        )
    return MentionLine(where, spans, columns[4], identifiers, names)


def _check_text(mention_text: str, *, text: str, spans: tuple[Span, ...], where: str) -> None:
    """Check a mention's text; in a discontinuous mention, whitespace and `,;|.` are ignored throughout."""
    first, end = spans[0][0], max(end for _, end in spans)
    found = text[first:end].replace("\n", " ")
    if mention_text in (found, text[first:end]):
        return
    if len(spans) > 1:
        found = " ".join(text[start:end] for start, end in spans).replace("\n", " ")
        if _IGNORED.sub("", mention_text) == _IGNORED.sub("", found):
            return
    location = " and ".join(f"{start} to {end}" for start, end in spans)
    raise AtlopError(
        f"{where}: the mention is {abbreviated(mention_text)}, but characters {location} are {abbreviated(found)}; "
        "expected the same text (offsets count one newline between title and abstract)"
    )


def _relation_line(columns: list[str], *, where: str) -> RelationLine:
    relation, subject, object_ = (column.strip() for column in columns[1:4])
    if not (relation and subject and object_):
        raise AtlopError(f"{where}: expected a relation and two identifiers, found {abbreviated(columns[1:4])}")
    return RelationLine(where, relation, subject, object_, columns[4] if len(columns) > 4 else None)
