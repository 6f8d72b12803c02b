"""The format in which the ATLOP paper reads CDR and GDA (`.data`, `.data.gz`): one document per line, in columns.

A line has tab-separated columns: the document's id, its sentences joined by `|`, and 17 for each pair: a label
(`1:CID:2`; `1:NR:2` for no relation; `not_include` for a pair that is not classified), which argument comes first in
the text (`L2R`: the first), `CROSS` or `NON-CROSS`, the two closest spans, and for each of two arguments its id, names
(joined by `|`), type, and the first words, ends and sentences of its mentions (joined by `:`). Words are separated by
whitespace and numbered across the whole document.

Entities are numbered by first appearance in the classified pairs, subject first. Entities of other pairs come last and
only get markers. Lines are numbered from 1; pairs, mentions, sentences and words from 0.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated
from atlop.schema import Document, Entity, Fact, Mention

_LABEL = re.compile(r"1:([^:\s]+):2")
_NO_RELATION = "NR"
_NOT_CLASSIFIED = "not_include"
_FIRST_IS_SUBJECT = {"L2R": True, "R2L": False}  # the subject is the argument that comes first in the text
_CROSSING = ("CROSS", "NON-CROSS")
_PAIR_COLUMNS = 17
_ARGUMENT_COLUMNS = 6
_MAX_DIGITS = 9


def read_cdr_gda(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file in the paper's format for CDR and GDA.

    The subject of a pair is the argument that comes first in the text. Duplicate facts and documents are left out and
    counted in `issues`; a different document with the id of an earlier one is invalid.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    earlier: dict[str, tuple[int, bytes]] = {}  # line and digest of each document
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            line = line.rstrip(b"\r\n")
            columns = _columns(line, where=where)
            title, where = columns[0], f'{where} (document "{columns[0]}")'
            digest = blake2b(line, digest_size=16).digest()
            earlier_line, earlier_digest = earlier.get(title, (0, digest))
            if earlier_digest != digest:
                raise AtlopError(f"{where}: line {earlier_line} has another document with this id; keep one of the two")
            if earlier_line:
                issues.add_duplicate_document()
                continue
            document, duplicate_count = _document(title, columns[1], columns[2:], where=where)
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            earlier[title] = number, digest
            issues.add_duplicate_facts(duplicate_count)
            yield document


class _Argument(NamedTuple):
    """One entity as a pair lists it."""

    identifier: str
    mentions: tuple[Mention, ...]


class _Pair(NamedTuple):
    """The 17 columns of a pair."""

    relation: str | None
    """`None` for no relation."""
    classified: bool
    subject: _Argument
    object: _Argument


def _columns(line: bytes, *, where: str) -> list[str]:
    try:
        columns = line.decode().split("\t")
    except UnicodeDecodeError as error:
        title = line.split(b"\t", 1)[0].decode(errors="replace")
        raise AtlopError(f'{where} (document "{title}"): byte {error.start} of the line is not UTF-8') from None
    if len(columns) < 2 or (len(columns) - 2) % _PAIR_COLUMNS:
        raise AtlopError(
            f'{where} (document "{columns[0]}"): columns: {len(columns)}; expected the id, the text and '
            f"{_PAIR_COLUMNS} for each pair, separated by tabs"
        )
    if not columns[0].strip():
        raise AtlopError(f"{where}: the first column is empty; expected the document's id")
    return columns


def _document(title: str, text: str, columns: list[str], *, where: str) -> tuple[Document, int]:
    """Return the document and its number of duplicate facts."""
    sentences = tuple(tuple(sentence.split()) for sentence in text.split("|"))
    starts = tuple(accumulate(map(len, sentences), initial=0))  # number of words before each sentence, and in total
    listed = tuple(
        _pair(columns[first : first + _PAIR_COLUMNS], starts=starts, where=f"{where}, pair {first // _PAIR_COLUMNS}")
        for first in range(0, len(columns), _PAIR_COLUMNS)
    )
    mentions_by_id: dict[str, tuple[Mention, ...]] = {}  # an entity has the mentions of its first pair
    for pair in listed:
        for argument in (pair.subject, pair.object) if pair.classified else ():
            mentions_by_id.setdefault(argument.identifier, argument.mentions)
    numbers = {identifier: number for number, identifier in enumerate(mentions_by_id)}
    pairs: dict[tuple[int, int], tuple[int, bool]] = {}  # index in the list, and whether there is a relation
    facts: dict[tuple[int, int, str], Fact] = {}
    for index, pair in enumerate(listed):
        if not pair.classified:
            continue
        key = numbers[pair.subject.identifier], numbers[pair.object.identifier]
        first, is_related = pairs.setdefault(key, (index, pair.relation is not None))
        if is_related != (pair.relation is not None):
            raise AtlopError(
                f"{where}, pair {index}: has {'no' if is_related else 'a'} relation, but pair {first} of the same "
                f"entities has {'one' if is_related else 'none'}; keep one of the two"
            )
        if pair.relation is not None:
            facts.setdefault((*key, pair.relation), Fact(*key, pair.relation))
    document = Document(
        title=title,
        sentences=sentences,
        entities=tuple(_entities(listed, classified=mentions_by_id)),
        facts=tuple(facts.values()),
        pairs=tuple(pairs),
    )
    return document, sum(pair.relation is not None for pair in listed) - len(facts)


def _entities(pairs: Sequence[_Pair], *, classified: dict[str, tuple[Mention, ...]]) -> Iterator[Entity]:
    """Yield the classified entities, then entities of all other mentions, which get markers but no pairs."""
    classified_mentions = {identifier: frozenset(mentions) for identifier, mentions in classified.items()}
    others: dict[str, dict[Mention, None]] = {}
    for identifier, mentions in (argument for pair in pairs for argument in (pair.subject, pair.object)):
        for mention in mentions:
            if mention not in classified_mentions.get(identifier, ()):
                others.setdefault(identifier, {})[mention] = None
    for identifier, entity_mentions in (*classified.items(), *others.items()):
        yield Entity(tuple(entity_mentions), identifier)


def _pair(columns: list[str], *, starts: tuple[int, ...], where: str) -> _Pair:
    label, direction, crossing = columns[:3]
    found = _LABEL.fullmatch(label)
    if not found and label != _NOT_CLASSIFIED:
        raise AtlopError(
            f"{where}: label {abbreviated(label)}; expected 1:RELATION:2 (for example 1:CID:2), 1:{_NO_RELATION}:2 or "
            f"{_NOT_CLASSIFIED}"
        )
    if direction not in _FIRST_IS_SUBJECT:
        raise AtlopError(f"{where}: direction {abbreviated(direction)}; expected {' or '.join(_FIRST_IS_SUBJECT)}")
    if crossing not in _CROSSING:
        raise AtlopError(f"{where}: {abbreviated(crossing)} after the direction; expected {' or '.join(_CROSSING)}")
    first, second = (
        _argument(columns[start : start + _ARGUMENT_COLUMNS], starts=starts, where=f"{where}, argument {number}")
        for number, start in enumerate((5, 5 + _ARGUMENT_COLUMNS))
    )
    if first.identifier == second.identifier:
        raise AtlopError(f"{where}: both arguments are {first.identifier}; a relation holds between two entities")
    subject, object_ = (first, second) if _FIRST_IS_SUBJECT[direction] else (second, first)
    relation = found.group(1) if found and found.group(1) != _NO_RELATION else None
    return _Pair(relation=relation, classified=bool(found), subject=subject, object=object_)


def _argument(columns: list[str], *, starts: tuple[int, ...], where: str) -> _Argument:
    identifier, joined_names, type_, *positions = columns
    if not identifier.strip():
        raise AtlopError(f"{where}: the id is empty")
    where = f"{where} ({identifier})"
    firsts, ends, sentences = (
        [_number(value, where=f"{where}, {kind}") for value in column.split(":")]
        for kind, column in zip(("first words", "ends", "sentences"), positions, strict=True)
    )
    names = joined_names.split("|")
    if not len(names) == len(firsts) == len(ends) == len(sentences):
        raise AtlopError(
            f"{where}: names: {len(names)}, first words: {len(firsts)}, ends: {len(ends)}, sentences: "
            f"{len(sentences)}; expected one of each for every mention"
        )
    mentions = (
        _mention(name, type_, first, end, sentence, starts=starts, where=f"{where}, mention {index}")
        for index, (name, first, end, sentence) in enumerate(zip(names, firsts, ends, sentences, strict=True))
    )
    return _Argument(identifier, tuple(mentions))


def _mention(
    name: str, type_: str, first: int, end: int, sentence: int, *, starts: tuple[int, ...], where: str
) -> Mention:
    if end <= first:
        raise AtlopError(
            f"{where}: starts at word {first} and ends at word {end}, so it has no words; "
            "the end is one past the last word"
        )
    if end > starts[-1]:
        raise AtlopError(f"{where}: ends at word {end}, but the document has {starts[-1]} words")
    found = bisect_right(starts, first) - 1
    if found != sentence:
        raise AtlopError(
            f"{where}: is listed in sentence {sentence}, but its first word {first} is in sentence {found}"
        )
    start, following = starts[sentence : sentence + 2]
    if end > following:
        raise AtlopError(
            f"{where}: ends at word {end}, but its sentence {sentence} ends at word {following}; "
            "expected a mention within one sentence"
        )
    return Mention(name=name, sentence=sentence, start=first - start, end=end - start, type=type_)


def _number(text: str, *, where: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    raise AtlopError(f"{where}: expected whole numbers joined by a colon, found {abbreviated(text)}")


def _matches(start: FileStart) -> bool:
    columns = start.first_line.count(b"\t") + 1
    return columns > 2 and (columns - 2) % _PAIR_COLUMNS == 0


CDR_GDA = Format(
    "paper", read=read_cdr_gda, matches=_matches, description=f"tab-separated columns, {_PAIR_COLUMNS} for each pair"
)
