"""The format in which the ATLOP paper reads CDR and GDA (`.data`, `.data.gz`): one document a line, parted by tabs.

A line holds the document's id, its sentences joined by `|`, and 17 columns for each pair: a label (`1:CID:2`; `1:NR:2`
for no relation; `not_include` for a pair that is not classified), the argument that comes first in the text (`L2R`: the
first), `CROSS` or `NON-CROSS`, the two closest spans, and for each of two arguments its id, names (joined by `|`),
type, first words, ends and sentences (joined by `:`). Whitespace parts words; they count through the whole document.

Entities are numbered by first appearance in the classified pairs, subject first; what only pairs that are not
classified name comes after them, for its markers' sake. Lines count from 1; pairs, mentions, sentences and words
from 0.
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
_SUBJECT_FIRST = {"L2R": True, "R2L": False}  # whether the first argument comes first in the text
_REACH = ("CROSS", "NON-CROSS")
_PAIR_COLUMNS = 17
_ARGUMENT_COLUMNS = 6
_MOST_DIGITS = 9


def read_cdr_gda(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file in the paper's format for CDR and GDA.

    The subject of a pair is the argument that comes first in the text. A pair that is listed twice is one pair. A
    document that comes twice, word for word, is one document; of different ones with the same id the first stays.

    Args:
        path: A `.data` or `.data.gz` file.
        issues: Is told of invalid documents, of documents that come again and of facts that are listed again.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    read: dict[str, tuple[int, bytes]] = {}  # where each document stands, and a digest of what it says
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            line = line.rstrip(b"\r\n")
            columns = _columns(line, where=where)
            title, where = columns[0], f'{where} (document "{columns[0]}")'
            digest = blake2b(line, digest_size=16).digest()
            before, same = read.get(title, (0, digest))
            if same != digest:
                raise AtlopError(f"{where}: line {before} says otherwise of the same document; keep one of the two")
            if before:
                issues.add_repeated()
                continue
            document, merged = _document(title, columns[1], columns[2:], where=where)
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            read[title] = number, digest
            issues.add_merged(merged)
            yield document


class _Argument(NamedTuple):
    """One entity as a pair lists it."""

    identifier: str
    mentions: tuple[Mention, ...]


class _Pair(NamedTuple):
    """Seventeen columns of a line."""

    relation: str | None
    """`None` where there is none."""
    classified: bool
    subject: _Argument
    object: _Argument


class _Words:
    """Where the words of a document stand."""

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        self.starts = tuple(accumulate(map(len, sentences), initial=0))
        """Number of words before each sentence, and of all."""

    def sentence_of(self, word: int) -> int:
        """Return the sentence of a word."""
        return bisect_right(self.starts, word) - 1


def _columns(line: bytes, *, where: str) -> list[str]:
    try:
        columns = line.decode().split("\t")
    except UnicodeDecodeError as error:
        title = line.split(b"\t", 1)[0].decode(errors="replace")
        raise AtlopError(f'{where} (document "{title}"): byte {error.start} of the line is not UTF-8') from None
    if len(columns) < 2 or (len(columns) - 2) % _PAIR_COLUMNS:
        raise AtlopError(
            f'{where} (document "{columns[0]}"): columns: {len(columns)}; expected the id, the text and '
            f"{_PAIR_COLUMNS} for each pair, parted by tabs"
        )
    if not columns[0].strip():
        raise AtlopError(f"{where}: the first column is empty; expected the document's id")
    return columns


def _document(title: str, text: str, columns: list[str], *, where: str) -> tuple[Document, int]:
    """Return the document and the number of facts that repeat an earlier one."""
    sentences = tuple(tuple(sentence.split()) for sentence in text.split("|"))
    words = _Words(sentences)
    rows = tuple(
        _pair(columns[first : first + _PAIR_COLUMNS], words=words, where=f"{where}, pair {first // _PAIR_COLUMNS}")
        for first in range(0, len(columns), _PAIR_COLUMNS)
    )
    named: dict[str, tuple[Mention, ...]] = {}  # the first pair that names an entity says where it is mentioned
    for row in rows:
        for argument in (row.subject, row.object) if row.classified else ():
            named.setdefault(argument.identifier, argument.mentions)
    numbers = {identifier: number for number, identifier in enumerate(named)}
    pairs: dict[tuple[int, int], tuple[int, bool]] = {}  # the row that lists each first, and whether it has a relation
    facts: dict[tuple[int, int, str], Fact] = {}
    for index, row in enumerate(rows):
        if not row.classified:
            continue
        pair = numbers[row.subject.identifier], numbers[row.object.identifier]
        before, related = pairs.setdefault(pair, (index, row.relation is not None))
        if related != (row.relation is not None):
            raise AtlopError(
                f"{where}, pair {index}: is listed as pair {before} {'with' if related else 'without'} a relation, "
                f"and here {'without' if related else 'with'} one; keep one of the two"
            )
        if row.relation is not None:
            facts.setdefault((*pair, row.relation), Fact(*pair, row.relation))
    entities = [Entity(mentions, identifier) for identifier, mentions in named.items()]
    document = Document(
        title=title,
        sentences=sentences,
        entities=(*entities, *_others(rows, named=named)),
        facts=tuple(facts.values()),
        pairs=tuple(pairs),
    )
    return document, sum(row.relation is not None for row in rows) - len(facts)


def _others(rows: Sequence[_Pair], *, named: dict[str, tuple[Mention, ...]]) -> Iterator[Entity]:
    """Yield the mentions that the classified entities lack, by entity; they place markers, and no pair names them."""
    known = {identifier: frozenset(mentions) for identifier, mentions in named.items()}
    others: dict[str, dict[Mention, None]] = {}
    for row in rows:
        for identifier, mentions in (row.subject, row.object):
            for mention in mentions:
                if mention not in known.get(identifier, ()):
                    others.setdefault(identifier, {})[mention] = None
    return (Entity(tuple(mentions), identifier) for identifier, mentions in others.items())


def _pair(columns: list[str], *, words: _Words, where: str) -> _Pair:
    label, direction, reach = columns[:3]
    found = _LABEL.fullmatch(label)
    if not found and label != _NOT_CLASSIFIED:
        raise AtlopError(
            f"{where}: label {abbreviated(label)}; expected 1:RELATION:2 (for example 1:CID:2), 1:{_NO_RELATION}:2 or "
            f"{_NOT_CLASSIFIED}"
        )
    if direction not in _SUBJECT_FIRST:
        raise AtlopError(f"{where}: direction {abbreviated(direction)}; expected {' or '.join(_SUBJECT_FIRST)}")
    if reach not in _REACH:
        raise AtlopError(f"{where}: {abbreviated(reach)} after the direction; expected {' or '.join(_REACH)}")
    first, second = (
        _argument(columns[at : at + _ARGUMENT_COLUMNS], words=words, where=f"{where}, argument {number}")
        for number, at in enumerate((5, 5 + _ARGUMENT_COLUMNS))
    )
    if first.identifier == second.identifier:
        raise AtlopError(f"{where}: both arguments are {first.identifier}; a relation holds between two entities")
    subject, object_ = (first, second) if _SUBJECT_FIRST[direction] else (second, first)
    relation = found.group(1) if found and found.group(1) != _NO_RELATION else None
    return _Pair(relation=relation, classified=bool(found), subject=subject, object=object_)


def _argument(columns: list[str], *, words: _Words, where: str) -> _Argument:
    identifier, names, type_, *places = columns
    if not identifier.strip():
        raise AtlopError(f"{where}: its id is empty")
    where = f"{where} ({identifier})"
    firsts, ends, sentences = (
        [_number(value, where=f"{where}, {what}") for value in column.split(":")]
        for what, column in zip(("first words", "ends", "sentences"), places, strict=True)
    )
    named = names.split("|")
    if not len(named) == len(firsts) == len(ends) == len(sentences):
        raise AtlopError(
            f"{where}: names: {len(named)}, first words: {len(firsts)}, ends: {len(ends)}, sentences: "
            f"{len(sentences)}; expected one of each for every mention"
        )
    mentions = (
        _mention(name, type_, first, end, sentence, words=words, where=f"{where}, mention {index}")
        for index, (name, first, end, sentence) in enumerate(zip(named, firsts, ends, sentences, strict=True))
    )
    return _Argument(identifier, tuple(mentions))


def _mention(name: str, type_: str, first: int, end: int, sentence: int, *, words: _Words, where: str) -> Mention:
    if end <= first:
        raise AtlopError(
            f"{where}: starts at word {first} and ends at word {end}, so it holds no word; "
            "the end is one past the last word"
        )
    if end > words.starts[-1]:
        raise AtlopError(f"{where}: ends at word {end}, but the document has {words.starts[-1]} words")
    found = words.sentence_of(first)
    if found != sentence:
        raise AtlopError(
            f"{where}: is listed in sentence {sentence}, but its first word {first} is in sentence {found}"
        )
    start, following = words.starts[sentence : sentence + 2]
    if end > following:
        raise AtlopError(
            f"{where}: ends at word {end}, but its sentence {sentence} at word {following}; "
            "a mention stands in one sentence"
        )
    return Mention(name=name, sentence=sentence, start=first - start, end=end - start, type=type_)


def _number(text: str, *, where: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise AtlopError(f"{where}: expected whole numbers joined by a colon, found {abbreviated(text)}")


def _matches(start: FileStart) -> bool:
    columns = start.first_line.count(b"\t") + 1
    return columns > 2 and (columns - 2) % _PAIR_COLUMNS == 0


CDR_GDA = Format(
    "paper", read=read_cdr_gda, matches=_matches, sign=f"tab-separated lines, {_PAIR_COLUMNS} columns for each pair"
)
