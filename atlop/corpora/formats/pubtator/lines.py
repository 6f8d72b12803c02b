"""Parsing of the lines of a PubTator file: title, abstract, mentions and relations of a document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from atlop.corpora.formats.pubtator.scheme import PubtatorScheme
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated
from atlop.schema import Span

Lines = list[tuple[int, bytes]]
"""Number and bytes of each line of a document."""

_TITLE = re.compile(rb"[^|\t]+\|t\|")
_TITLE_OR_ABSTRACT = re.compile(rb"[^|\t]+\|[ta]\|")
_OFFSETS = re.compile(r"[0-9]{1,9}(?:[,;][0-9]{1,9})*")
_BETWEEN_PARTS = re.compile(r"[\s,;|.]+")


@dataclass(frozen=True, slots=True)
class MentionLine:
    """A mention of one entity or several."""

    where: str
    spans: tuple[Span, ...]
    type: str
    identifiers: tuple[str, ...]
    names: tuple[str, ...]
    """One for each identifier."""


@dataclass(frozen=True, slots=True)
class RelationLine:
    """A relation between two identifiers."""

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
    """Title, line end, abstract."""
    mentions: tuple[MentionLine, ...]
    relations: tuple[RelationLine, ...]


def read_document_lines(path: Path) -> Iterator[Lines]:
    """Yield the lines of each document: blank lines separate documents, and a title always begins one.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    parsed: Lines = []
    for number, line in enumerate(read_lines(path), start=1):
        blank = not line.strip()
        if parsed and (blank or _TITLE.match(line)):
            yield parsed
            parsed = []
        if not blank:
            parsed.append((number, line.removesuffix(b"\n").removesuffix(b"\r")))
    if parsed:
        yield parsed


def has_relations(path: Path) -> bool:
    """Whether a file has any relation; it is read up to the first one.

    Raises:
        AtlopError: The file is missing or not readable.
    """
    for line in read_lines(path):
        columns = line.split(b"\t")
        if len(columns) in (4, 5) and not columns[1].isdigit() and not _TITLE_OR_ABSTRACT.match(line):
            return True
    return False


def parse_document_lines(lines: Lines, *, path: Path, scheme: PubtatorScheme) -> ParsedDocument:
    """Parse the lines of a document.

    Raises:
        AtlopError: A line is malformed, or a mention differs from the text at its offsets.
    """
    decoded = [(number, _decoded(line, where=f"{path}, line {number}")) for number, line in lines]
    number, line = decoded[0]
    identifier, title = _text_line(line, kind="t", where=f"{path}, line {number}")
    document = f'(document "{identifier}")'
    if len(decoded) == 1:
        raise AtlopError(f'{path}, line {number} {document}: the abstract is missing; expected "{identifier}|a|…" next')
    number, line = decoded[1]
    owner, abstract = _text_line(line, kind="a", where=f"{path}, line {number} {document}")
    _check_owner(owner, identifier, where=f"{path}, line {number} {document}")
    text = f"{title}\n{abstract}"
    mentions: list[MentionLine] = []
    relations: list[RelationLine] = []
    for number, line in decoded[2:]:
        where = f"{path}, line {number} {document}"
        columns = line.split("\t")
        _check_owner(columns[0], identifier, where=where)
        if len(columns) in (5, 6, 7) and _OFFSETS.fullmatch(columns[1]):
            mentions.append(_mention_line(columns, text=text, scheme=scheme, where=where))
        elif len(columns) in (4, 5):
            relations.append(_relation_line(columns, where=where))
        else:
            raise AtlopError(
                f"{where}: expected the tab-separated columns of a mention (document, start, end, text, type, "
                f"identifier) or of a relation (document, relation, identifier, identifier), found {abbreviated(line)}"
            )
    return ParsedDocument(identifier, text, tuple(mentions), tuple(relations))


def _decoded(line: bytes, *, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} of the line is not UTF-8; expected a file in UTF-8") from None


def _text_line(line: str, *, kind: str, where: str) -> tuple[str, str]:
    identifier, _, rest = line.partition("|")
    if not identifier or "\t" in identifier or not rest.startswith(f"{kind}|"):
        what = {"t": "title", "a": "abstract"}[kind]
        raise AtlopError(f'{where}: expected "identifier|{kind}|{what}", found {abbreviated(line)}')
    return identifier, rest[2:]


def _check_owner(found: str, expected: str, *, where: str) -> None:
    if found != expected:
        raise AtlopError(
            f"{where}: the line belongs to document {abbreviated(found)}; put a blank line between documents"
        )


def _mention_line(columns: list[str], *, text: str, scheme: PubtatorScheme, where: str) -> MentionLine:
    if not _OFFSETS.fullmatch(columns[2]):
        raise AtlopError(f"{where}: expected the character where the mention ends, found {abbreviated(columns[2])}")
    starts, ends = (list(map(int, re.split("[,;]", column))) for column in columns[1:3])
    if len(starts) != len(ends):
        raise AtlopError(f"{where}: has {len(starts)} starts and {len(ends)} ends; expected equal numbers")
    spans = tuple(sorted(zip(starts, ends, strict=True)))
    for start, end in spans:
        if not start < end <= len(text):
            raise AtlopError(
                f"{where}: goes from character {start} to {end}; expected a start before the end, both within the "
                f"{len(text)} characters of title and abstract with one between them"
            )
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise AtlopError(
                f"{where}: the part from character {after[0]} to {after[1]} starts before the one from {before[0]} to "
                f"{before[1]} ends; expected parts that do not overlap"
            )
    name = columns[3]
    _check_text(name, text=text, spans=spans, where=where)
    listed = columns[5].split(scheme.identifier_separator) if len(columns) > 5 else [""]
    identifiers = tuple(identifier.strip() or scheme.no_identifier for identifier in listed)
    if len(columns) < 7:
        return MentionLine(where, spans, columns[4], identifiers, (name,) * len(identifiers))
    names = tuple(columns[6].split(scheme.name_separator)) if len(identifiers) > 1 else (columns[6],)
    if len(names) != len(identifiers):
        raise AtlopError(
            f"{where}: the seventh column has {len(names)} names for {len(identifiers)} identifiers; expected as many"
        )
    return MentionLine(where, spans, columns[4], identifiers, names)


def _check_text(name: str, *, text: str, spans: tuple[Span, ...], where: str) -> None:
    """Check a mention against the text; the parts of a discontinuous one may be joined in any way."""
    first, end = spans[0][0], max(end for _, end in spans)
    found = text[first:end].replace("\n", " ")
    if name in (found, text[first:end]):
        return
    if len(spans) > 1:
        found = " ".join(text[start:end] for start, end in spans).replace("\n", " ")
        if _BETWEEN_PARTS.sub("", name) == _BETWEEN_PARTS.sub("", found):
            return
    location = " and ".join(f"{start} to {end}" for start, end in spans)
    raise AtlopError(
        f"{where}: the mention is {abbreviated(name)}, but characters {location} are {abbreviated(found)}; "
        "expected the same text (title and abstract count with one character between them)"
    )


def _relation_line(columns: list[str], *, where: str) -> RelationLine:
    relation, subject, object_ = (column.strip() for column in columns[1:4])
    if not (relation and subject and object_):
        raise AtlopError(f"{where}: expected a relation and two identifiers, found {abbreviated(columns[1:4])}")
    return RelationLine(where, relation, subject, object_, columns[4] if len(columns) > 4 else None)
