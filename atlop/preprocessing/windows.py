"""Overlapping windows for documents that are longer than the encoder's input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import nn
from transformers import PreTrainedModel

from atlop.errors import AtlopError

DEFAULT_SIZE = 512
"""Default maximum length of a window in tokens; published."""

_DOUBLE_END = {"roberta", "xlm-roberta", "camembert"}
"""Types of encoders whose segments end with two end tokens, `</s></s>`; windows within a document then do too."""

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
        cls, encoder: PreTrainedModel, *, start: Sequence[int], end: Sequence[int], size: int | None = None
    ) -> Self:
        """Return the windowing for an encoder; by default windows have 512 tokens, or its maximum if that is smaller.

        Raises:
            AtlopError: The size is larger than the encoder's maximum or too small, or a special token is unknown to it.
        """
        first, max_size = positions(encoder)
        if size is not None and max_size is not None and size > max_size:
            raise AtlopError(f"preprocessing.window: {size} tokens, but the encoder takes at most {max_size}; lower it")
        size = size or (DEFAULT_SIZE if max_size is None else min(DEFAULT_SIZE, max_size))
        if size <= len(start) + len(end) + 1:
            raise AtlopError(f"encoder: reads windows of {size} tokens, which is too few")
        padding, known = encoder.config.pad_token_id or 0, vocabulary_size(encoder)
        for token in [*start, *end, padding]:
            if not 0 <= token < known:
                raise AtlopError(
                    f"encoder: has {known} tokens, but a special token of its windows has id {token}; its tokenizer or "
                    "its config.json belongs to another encoder"
                )
        return cls(size, start=tuple(start), end=tuple(end), padding=padding, first_position=first)


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


def positions(encoder: PreTrainedModel) -> tuple[int, int | None]:
    """Return the position id of an input's first token, and the encoder's longest input, if it is limited.

    An embedding of positions with a padding index (RoBERTa, MPNet) counts them from the index after it.
    """
    limit = getattr(encoder.config, "max_position_embeddings", None)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith("position_embeddings"):
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return first, module.num_embeddings - first
    return 0, limit if limit is not None and limit > 0 else None  # XLNet has -1, for none


def vocabulary_size(encoder: PreTrainedModel) -> int:
    """Return the number of tokens that an encoder has an embedding of."""
    embedding: Any = encoder.get_input_embeddings()
    return len(embedding.weight)


def window_end(end: tuple[int, ...], *, model_type: str) -> list[int]:
    """Return the special tokens that end a window, from those that end a document (doubled for RoBERTa)."""
    return [*end, *end] if model_type in _DOUBLE_END else list(end)
