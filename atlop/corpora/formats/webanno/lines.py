"""Parsing of WebAnno TSV 3: layers of the header, sentences, and a row for each word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from atlop.corpora.text.offset_units import Quote, Reading, fitting_reading, positions_of, utf16_width
from atlop.corpora.text.utf8 import decode_line
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated
from atlop.schema import Span

_KINDS = {"#T_SP=": "span", "#T_CH=": "chain", "#T_RL=": "relation"}
_ITEM = re.compile(r"((?:\\.|[^\\|\[])*)(?:\[([\d_]+)\])?(?:\||$)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(->|.))")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_MAX_GAP = 1 << 20  # characters between sentences; more is a mistake that would fill the memory


@dataclass(frozen=True, slots=True)
class Row:
    """A word, or a part of one."""

    number: str
    """Of its sentence and word, as `1-4`; of a part, as `1-4.1`."""
    span: Span
    """In UTF-16 units."""
    cells: list[str]
    """One for each feature of each layer."""
    where: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of annotations, and its columns in each row."""

    name: str
    kind: str
    """`span`, `chain` or `relation`."""
    features: list[str]
    """The last one of a relation is `BT_` and the layer that it joins."""
    first: int
    """Index of its first column."""

    @property
    def base(self) -> str:
        """The layer that a relation joins."""
        return self.features[-1].removeprefix("BT_") if self.features else ""

    def cells(self, row: Row) -> dict[str, list[tuple[str, str]]]:
        """Return the values of each feature in a row, and the number behind each; "" for none."""
        features = self.features or [""]
        cells = row.cells[self.first : self.first + len(features)]
        return {feature: _items(cell) for feature, cell in zip(features, cells, strict=True)}

    def annotations(self, row: Row) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the number, "" for none, and the features of each annotation of spans in a row."""
        found: dict[tuple[int, str], dict[str, str]] = {}
        for feature, items in self.cells(row).items():
            for index, (value, number) in enumerate(items):
                found.setdefault((0 if number else index, number), {})[feature] = value
        yield from ((number, features) for (_, number), features in found.items())


@dataclass(slots=True)
class Parsed:
    """The lines of a file."""

    layers: list[Layer] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    sentences: list[tuple[str, int]] = field(default_factory=list)
    """Text of each sentence, and the index of its first row."""


def parse_lines(file: Path) -> Parsed:
    """Parse a file.

    Raises:
        AtlopError: It cannot be read, or a row is malformed.
    """
    found, columns = Parsed(), 0
    text: str | None = None
    for number, line in enumerate(read_lines(file), start=1):
        where = f"{file}, line {number}"
        entry = decode_line(line, where=where).rstrip("\r\n")
        if (kind := _KINDS.get(entry[:6])) is not None:
            name, *features = entry[6:].split("|")
            found.layers.append(Layer(name, kind, features, columns))
            columns += max(1, len(features))
        elif entry.startswith("#Text="):
            part = unescaped(entry.removeprefix("#Text="))
            text = part if text is None else f"{text}\n{part}"
        elif entry.strip() and not entry.startswith("#"):
            cells = entry.split("\t")
            offsets = re.fullmatch(r"(\d{1,9})-(\d{1,9})", cells[1]) if len(cells) >= 3 + columns else None
            if offsets is None or (text is None and not found.sentences):
                raise AtlopError(
                    f"{where}: expected a number, offsets, a word and {columns} columns, after #Text=; found "
                    f"{abbreviated(entry)}"
                )
            if text is not None:
                found.sentences.append((text, len(found.rows)))
                text = None
            found.rows.append(Row(cells[0], (int(offsets[1]), int(offsets[2])), cells[3 : 3 + columns], where))
    return found


def read_text(found: Parsed, *, where: str) -> Reading:
    """Return the text: that of each sentence, with a line end and spaces up to the first word of the next.

    Raises:
        AtlopError: Offsets of sentences overlap, or one is outside the text.
    """
    text, end = "", 0
    for sentence, first in found.sentences:
        gap = found.rows[first].span[0] - end
        if not 0 <= gap < _MAX_GAP:
            raise AtlopError(f"{where}: a sentence begins at {end + gap}, but the text before it ends at {end}")
        joined = "\n" + " " * (gap - 1) if gap and text else " " * gap
        text, end = text + joined + sentence, end + gap + sum(map(utf16_width, sentence))
    reading = Reading(text, positions_of(text, width=utf16_width))
    return fitting_reading([reading], quotes=[Quote((row.span,), None, f"{row.where}: the word") for row in found.rows])


def unescaped(text: str) -> str:
    r"""Return a text without its escapes: `\t`, `\u263a`, and a backslash before what would have a meaning."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _CONTROLS.get(found[2], found[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _items(cell: str) -> list[tuple[str, str]]:
    """Return the values of a cell, "" for one without, and the numbers behind them."""
    if cell == "_":
        return []
    items, end = [], 0
    while end < len(cell) and (found := _ITEM.match(cell, end)) is not None:
        items.append(("" if found[1] == "*" else unescaped(found[1]), found[2] or ""))
        if found.end() == end:
            break
        end = found.end()
    return items
