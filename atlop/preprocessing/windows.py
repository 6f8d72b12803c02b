"""Overlapping windows for documents that are longer than the encoder's input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from transformers import PreTrainedConfig

from atlop.errors import AtlopError

DEFAULT_SIZE = 512
"""Default maximum length of a window in tokens; published."""

_DOUBLE_END = {"roberta", "xlm-roberta", "camembert"}
"""Types of encoders whose segments end with two end tokens, `</s></s>`; windows within a document then do too."""

_POSITIONS_AFTER_PADDING = {*_DOUBLE_END, "mpnet"}
"""Types of encoders whose position ids start at the padding id + 1."""

MIN_OVERLAP = 64
"""Tokens that adjacent windows share if there are more than two, so that every token has context on both sides. Not in
the paper."""


@dataclass(frozen=True)
class Windowing:
    """How documents are split into inputs of an encoder."""

    size: int
    """Maximum length of a window in tokens, added special tokens included."""
    start: tuple[int, ...] = ()
    """Special tokens added before a window that does not start its document."""
    end: tuple[int, ...] = ()
    """Special tokens added after a window that does not end its document."""
    padding: int = 0
    """Padding token id, for encoders that cannot read packed windows."""
    first_position: int = 0
    """Position id of a window's first token."""

    @classmethod
    def for_encoder(
        cls, encoder: PreTrainedConfig, *, start: tuple[int, ...], end: tuple[int, ...], size: int | None = None
    ) -> Self:
        """Return the windowing for an encoder; by default windows have 512 tokens, or its maximum if that is smaller.

        Raises:
            AtlopError: The size is larger than the encoder's maximum.
        """
        first, positions = first_position(encoder), getattr(encoder, "max_position_embeddings", None)
        max_size = positions - first if positions else None
        if size is not None and max_size is not None and size > max_size:
            raise AtlopError(f"preprocessing.window: {size} tokens, but the encoder takes at most {max_size}; lower it")
        default = DEFAULT_SIZE if max_size is None else min(DEFAULT_SIZE, max_size)
        return cls(size or default, start=start, end=end, padding=encoder.pad_token_id or 0, first_position=first)


@dataclass(frozen=True)
class Window:
    """Tokens `[first, stop)` of a document, between special tokens."""

    document: int
    """Index of the document in the batch."""
    first: int
    stop: int
    prefix: Sequence[int]
    """Special tokens added before."""
    suffix: Sequence[int]
    """Special tokens added after."""

    @property
    def length(self) -> int:
        """Length in tokens, added special tokens included."""
        return len(self.prefix) + self.stop - self.first + len(self.suffix)


def split_into_windows(lengths: Sequence[int], windowing: Windowing) -> list[Window]:
    """Split documents into windows, from their lengths in tokens; a short document is one window, unchanged."""
    start, end = windowing.start, windowing.end
    return [
        Window(document, first, stop, prefix=start if first else (), suffix=end if stop < length else ())
        for document, length in enumerate(lengths)
        for first, stop in window_spans(length, size=windowing.size, start_tokens=len(start), end_tokens=len(end))
    ]


def window_spans(length: int, *, size: int, start_tokens: int, end_tokens: int) -> list[tuple[int, int]]:
    """Return the tokens `[first, stop)` of a document that each window reads.

    The first window reads the first `size − end_tokens` tokens, the last one the last `size − start_tokens` (the
    released code's rule). If these do not meet, evenly spaced windows fill the gap, as few as possible with an
    overlap of `MIN_OVERLAP` (not in the paper).

    Args:
        length: Length of the document in tokens, special tokens included.
        size: Maximum length of a window in tokens, added special tokens included.
        start_tokens: Number of special tokens added before every window but the first.
        end_tokens: Number of special tokens added after every window but the last.
    """
    if length <= size:
        return [(0, length)]
    first_stop, last_start = size - end_tokens, length - (size - start_tokens)
    if last_start <= first_stop:
        return [(0, first_stop), (last_start, length)]
    inner = size - start_tokens - end_tokens
    assert inner > 0, "a window holds at least one token besides the special tokens"
    stride = max(1, inner - min(MIN_OVERLAP, inner // 2))
    steps = -(-last_start // stride)
    starts = [step * last_start // steps for step in range(1, steps)]
    return [(0, first_stop), *((start, start + inner) for start in starts), (last_start, length)]


def first_position(encoder: PreTrainedConfig) -> int:
    """Return the position id of an input's first token."""
    return encoder.pad_token_id + 1 if encoder.model_type in _POSITIONS_AFTER_PADDING else 0


def window_end(end: tuple[int, ...], *, model_type: str) -> list[int]:
    """Return the special tokens that end a window, from those that end a document (doubled for RoBERTa)."""
    return [*end, *end] if model_type in _DOUBLE_END else list(end)
