"""Documents beyond the encoder's length: overlapping windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from transformers import PreTrainedConfig

from atlop.errors import AtlopError

WINDOW = 512
"""Most tokens of one encoder call where nothing else is set; published."""

_DOUBLE_END = {"roberta", "xlm-roberta", "camembert"}
"""Encoders whose segments end with two end tokens, `</s></s>`; a cut window ends likewise."""

_POSITIONS_AFTER_PADDING = {*_DOUBLE_END, "mpnet"}
"""Encoders that count positions from the padding id + 1."""

MINIMUM_OVERLAP = 64
"""Tokens that neighbours share beyond two windows, so that no token is read at a border only. A rule here."""


@dataclass(frozen=True)
class Windowing:
    """How documents become the inputs of an encoder."""

    size: int
    """Most tokens of a window, borrowed ones counted."""
    start: tuple[int, ...] = ()
    """Token ids that a window borrows where it does not begin its document."""
    end: tuple[int, ...] = ()
    """Token ids that a window borrows where it does not end its document."""
    padding: int = 0
    """Token id that fills up shorter windows of encoders that do not take packed ones."""
    first_position: int = 0
    """Number of a window's first position."""

    @classmethod
    def for_encoder(
        cls, encoder: PreTrainedConfig, *, start: tuple[int, ...], end: tuple[int, ...], size: int | None = None
    ) -> Self:
        """Return the rule for an encoder.

        Args:
            encoder: Its configuration.
            start: Token ids that a borrowed window start is made of.
            end: Token ids that a borrowed window end is made of.
            size: Most tokens of a window; without it, 512, or what the encoder takes where that is less.

        Raises:
            AtlopError: A window of this size is larger than what the encoder takes.
        """
        first, positions = first_position(encoder), getattr(encoder, "max_position_embeddings", None)
        most = positions - first if positions else None
        if size is not None and most is not None and size > most:
            raise AtlopError(f"preprocessing.window: {size} tokens, but the encoder takes {most}; lower it")
        usual = WINDOW if most is None else min(WINDOW, most)
        return cls(size or usual, start=start, end=end, padding=encoder.pad_token_id or 0, first_position=first)


@dataclass(frozen=True)
class Window:
    """What one window reads."""

    document: int
    """Number of its document in the batch."""
    first: int
    """First token of the document that it reads."""
    stop: int
    """One past the last one."""
    before: Sequence[int]
    """Token ids that it borrows before these."""
    after: Sequence[int]
    """Token ids that it borrows after these."""

    @property
    def tokens(self) -> int:
        """Number of tokens, borrowed ones counted."""
        return len(self.before) + self.stop - self.first + len(self.after)


def windows_of(lengths: Sequence[int], windowing: Windowing) -> list[Window]:
    """Cut documents into windows; a short one is one window as it is.

    Args:
        lengths: Tokens of each document.
        windowing: The rule.
    """
    start, end = windowing.start, windowing.end
    return [
        Window(document, first, stop, before=start if first else (), after=end if stop < length else ())
        for document, length in enumerate(lengths)
        for first, stop in window_spans(length, size=windowing.size, start_tokens=len(start), end_tokens=len(end))
    ]


def window_spans(length: int, *, size: int, start_tokens: int, end_tokens: int) -> list[tuple[int, int]]:
    """Return the tokens `[first, stop)` of a document that each window reads, borrowed ones not counted.

    The first window reads the first `size − end_tokens`, the last one the last `size − start_tokens` (the released
    code's rule). Where these do not meet, windows between them are evenly spaced, as few as leave `MINIMUM_OVERLAP`
    (the rule here).

    Args:
        length: Tokens of the document, special tokens counted.
        size: Most tokens of a window, borrowed ones counted.
        start_tokens: Tokens that a later window borrows at its start.
        end_tokens: Tokens that an earlier window borrows at its end.
    """
    if length <= size:
        return [(0, length)]
    first_stop, last_start = size - end_tokens, length - (size - start_tokens)
    if last_start <= first_stop:
        return [(0, first_stop), (last_start, length)]
    inner = size - start_tokens - end_tokens
    assert inner > 0, "a window holds a token besides the borrowed ones"
    stride = max(1, inner - min(MINIMUM_OVERLAP, inner // 2))
    steps = -(-last_start // stride)
    starts = [step * last_start // steps for step in range(1, steps)]
    return [(0, first_stop), *((start, start + inner) for start in starts), (last_start, length)]


def first_position(encoder: PreTrainedConfig) -> int:
    """Return the number of an input's first position."""
    return encoder.pad_token_id + 1 if encoder.model_type in _POSITIONS_AFTER_PADDING else 0


def window_end(end: tuple[int, ...], *, model_type: str) -> list[int]:
    """Return the tokens that close a window, from those that close a document (two for RoBERTa)."""
    return [*end, *end] if model_type in _DOUBLE_END else list(end)
