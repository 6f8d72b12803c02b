"""Units of offsets: characters, UTF-16 units or bytes, whichever fits all mentions of a document.

Formats say which unit they mean, but files come from programs in many languages. Most repeat the text of each mention,
so that the unit need not be guessed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from atlop.corpora.text.character_spans import mention_text
from atlop.errors import AtlopError
from atlop.json_values import abbreviated
from atlop.schema import Span

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Quote:
    """A mention as a file gives it."""

    spans: tuple[Span, ...]
    """In the file's units, in the file's order."""
    text: str | None
    """The text that the file repeats; `None` if it repeats none."""
    where: str
    """The mention, for messages: file, line or document, id."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, and the character at each offset into it."""

    text: str
    positions: Sequence[int]
    """Index of the character at each offset; -1 inside a character."""

    def characters(self, spans: tuple[Span, ...]) -> tuple[Span, ...] | None:
        """Return spans in characters; `None` if one exceeds the text or cuts a character."""
        if not all(0 <= start <= end < len(self.positions) for start, end in spans):
            return None
        found = tuple((self.positions[start], self.positions[end]) for start, end in spans)
        return None if any(-1 in span for span in found) else found


def one_line(text: str) -> str:
    """Return a text with each line end as a space."""
    return _LINE_END.sub(" ", text)


def same_line(found: str, quoted: str) -> bool:
    """Whether two texts are the same but for line ends and space at the end."""
    return one_line(found).rstrip() == one_line(quoted).rstrip()


def _equal(found: str, quoted: str) -> bool:
    return one_line(found) == one_line(quoted)


def readings_of(text: str) -> Iterator[Reading]:
    """Yield the readings of offsets into a text: as characters, UTF-16 units and bytes."""
    yield Reading(text, range(len(text) + 1))
    if not text.isascii():
        yield Reading(text, positions_of(text, width=utf16_width))
        yield Reading(text, positions_of(text, width=utf8_width))


def utf16_width(character: str) -> int:
    """Return the number of UTF-16 units of a character."""
    return 1 + (character > "\uffff")


def utf8_width(character: str) -> int:
    """Return the number of bytes of a character in UTF-8."""
    return 1 + (character > "\x7f") + (character > "\u07ff") + (character > "\uffff")


def positions_of(text: str, *, width: Callable[[str], int]) -> list[int]:
    """Return the index of the character at each offset into a text; -1 inside a character."""
    positions: list[int] = []
    for index, character in enumerate(text):
        positions.append(index)
        positions += [-1] * (width(character) - 1)
    return [*positions, len(text)]


def fitting_reading(
    readings: Iterable[Reading], *, quotes: Sequence[Quote], same: Callable[[str, str], bool] = same_line
) -> Reading:
    """Return the first reading that fits all mentions exactly, or else the first one that fits them.

    Args:
        readings: At least one.
        quotes: The mentions.
        same: Whether what stands in the text is what the file repeats.

    Raises:
        AtlopError: None fits; the message is about the first mention that the first reading does not fit.
    """
    tried: list[Reading] = []
    for reading in readings:  # made one after the other, because the first mostly fits
        if _problem(reading, quotes=quotes, same=_equal) is None:
            return reading
        tried.append(reading)
    problems = {_problem(reading, quotes=quotes, same=same): reading for reading in reversed(tried)}
    if None in problems:
        return problems[None]
    raise AtlopError(next(reversed(problems)) or "")


def _problem(reading: Reading, *, quotes: Sequence[Quote], same: Callable[[str, str], bool]) -> str | None:
    """Return what is wrong with the first mention that a reading does not fit."""
    for quote in quotes:
        spans = reading.characters(quote.spans)
        extent = " and ".join(f"{start} to {end}" for start, end in quote.spans)
        if spans is None:
            return (
                f"{quote.where} is at characters {extent}; expected a start before the end, both within the text, "
                f"which has {len(reading.text)}"
            )
        found = mention_text(spans, text=reading.text)
        if quote.text is not None and not same(found, quote.text):
            return (
                f"{quote.where} is {abbreviated(quote.text)}, but characters {extent} are {abbreviated(found)}; "
                "expected the same text, with the end one past the last character"
            )
    return None
