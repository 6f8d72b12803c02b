"""Words to tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from atlop.errors import AtlopError, loading

MARKER = "*"
"""The token inserted before and after a mention (paper, 'Encoder')."""


def load_tokenizer(
    name: str | Path, *, kind: str = "tokenizer", config: PreTrainedConfig | None = None
) -> PreTrainedTokenizerBase:
    """Load a tokenizer; code in its folder is never run.

    Args:
        name: Hugging Face name or folder.
        kind: What it belongs to, for messages.
        config: Configuration of the encoder, if the folder's own is that of another model.

    Raises:
        AtlopError: It cannot be loaded or used.
    """
    with loading(kind, name=name):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, config=config, trust_remote_code=False)
        SpecialTokens.from_tokenizer(tokenizer)
    return tokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """The special tokens that a tokenizer adds to an input."""

    start: tuple[int, ...]
    """Token ids before the text, for example `[CLS]`."""
    end: tuple[int, ...]
    """Token ids after the text, for example `[SEP]`."""

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerBase) -> "SpecialTokens":
        """Find them by tokenizing a word with and without them.

        Raises:
            AtlopError: The word's tokens are not in the input.
        """
        bare = _token_ids(tokenizer, ["a"])[0]
        wrapped: list[int] = tokenizer("a")["input_ids"]
        first = next((i for i in range(len(wrapped)) if wrapped[i : i + len(bare)] == bare), None)
        if first is None or not bare:
            raise AtlopError(
                f"tokenizer {tokenizer.name_or_path!r}: has no token for the letter a; its files are damaged"
            )
        return cls(start=tuple(wrapped[:first]), end=tuple(wrapped[first + len(bare) :]))


MAX_CACHED_WORDS = 1 << 18
"""Words in the cache of a `WordTokenizer`, which is emptied when there are more."""


class WordTokenizer:
    """Tokenizes words one by one, and caches their tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, leading_space: bool = False):
        """Keep a tokenizer of transformers.

        `leading_space` tokenizes each word as if preceded by a space, which matters for byte-level BPE (RoBERTa).
        """
        self._tokenizer = tokenizer
        self._prefix = " " if leading_space else ""
        self._tokens: dict[str, list[int]] = {}

    def tokenize(self, words: Iterable[str]) -> None:
        """Tokenize the words that are not cached, in one call."""
        distinct = dict.fromkeys(words)
        if len(self._tokens) > MAX_CACHED_WORDS:
            self._tokens.clear()
        if new := [word for word in distinct if word not in self._tokens]:
            tokens = _token_ids(self._tokenizer, [self._prefix + word for word in new])
            self._tokens.update(zip(new, tokens, strict=True))

    def __getitem__(self, word: str) -> list[int]:
        """Return the token ids of a word after `tokenize`."""
        return self._tokens[word]

    @cached_property
    def marker(self) -> int:
        """The id of `*`, or of the last token that `*` is tokenized into (SentencePiece: `▁*`).

        Raises:
            AtlopError: The tokenizer has no token for it.
        """
        tokenizer = self._tokenizer
        marker = tokenizer.convert_tokens_to_ids(MARKER)
        if isinstance(marker, int) and marker != tokenizer.unk_token_id:
            return marker
        tokens = _token_ids(tokenizer, [MARKER])[0]
        if not tokens or tokenizer.unk_token_id in tokens:
            raise AtlopError(
                f"tokenizer {tokenizer.name_or_path!r} has no token for the mention marker {MARKER!r}; "
                "add it to the vocabulary or choose another encoder"
            )
        return tokens[-1]


def _token_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    return list(tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"])
