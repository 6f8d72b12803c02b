"""Words to the encoder's tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from atlop.errors import AtlopError, loading

MARKER = "*"
"""The token that stands before and after a mention (paper, 'Encoder')."""


def load_tokenizer(
    name: str | Path, *, of: str = "tokenizer", config: PreTrainedConfig | None = None
) -> PreTrainedTokenizerBase:
    """Return a tokenizer; code that lies beside it is never run.

    Args:
        name: Hugging Face name or folder.
        of: What it belongs to, for messages.
        config: Configuration of the encoder, where the folder's own is another's.

    Raises:
        AtlopError: It cannot be loaded, or cuts nothing.
    """
    with loading(of, name=name):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, config=config, trust_remote_code=False)
        SpecialTokens.from_tokenizer(tokenizer)
    return tokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """What a tokenizer wraps an input in."""

    start: tuple[int, ...]
    """Token ids before the text, for example `[CLS]`."""
    end: tuple[int, ...]
    """Token ids after the text, for example `[SEP]`."""

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerBase) -> "SpecialTokens":
        """Read them off the way the tokenizer wraps a word.

        Raises:
            AtlopError: The word is not to be found in what it makes.
        """
        bare = _token_ids(tokenizer, ["a"])[0]
        wrapped: list[int] = tokenizer("a")["input_ids"]
        first = next((i for i in range(len(wrapped)) if wrapped[i : i + len(bare)] == bare), None)
        if first is None or not bare:
            raise AtlopError(
                f"tokenizer {tokenizer.name_or_path!r}: has no token for the letter a; its files are damaged"
            )
        return cls(
            start=tuple(wrapped[:first]),
            end=tuple(wrapped[first + len(bare) :]),
        )


MOST_WORDS = 1 << 18
"""Words whose tokens are kept; when there are more, all are forgotten, so that memory does not grow with the text."""


class WordCutter:
    """Cuts words into tokens, each word on its own and, until it is forgotten, only the first time that it is seen."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, leading_space: bool = False):
        """Keep the tokenizer.

        Args:
            tokenizer: Any tokenizer that transformers loads.
            leading_space: Cut each word as if a space stood before it; matters for byte-level BPE (RoBERTa).
        """
        self._tokenizer = tokenizer
        self._prefix = " " if leading_space else ""
        self._tokens: dict[str, list[int]] = {}

    def learn(self, words: Iterable[str]) -> None:
        """Cut the words that were not seen yet, all in one call."""
        distinct = dict.fromkeys(words)
        if len(self._tokens) > MOST_WORDS:
            self._tokens.clear()
        unseen = [word for word in distinct if word not in self._tokens]
        if unseen:
            cut = _token_ids(self._tokenizer, [self._prefix + word for word in unseen])
            self._tokens.update(zip(unseen, cut, strict=True))

    def __getitem__(self, word: str) -> list[int]:
        """Return the token ids of a learned word."""
        return self._tokens[word]

    @cached_property
    def marker(self) -> int:
        """The id of `*` itself, or of the one token that `*` is cut into (SentencePiece: `▁*`).

        Raises:
            AtlopError: The tokenizer has no token for it.
        """
        tokenizer = self._tokenizer
        known = tokenizer.convert_tokens_to_ids(MARKER)
        if isinstance(known, int) and known != tokenizer.unk_token_id:
            return known
        tokens = _token_ids(tokenizer, [MARKER])[0]
        if not tokens or tokenizer.unk_token_id in tokens:
            raise AtlopError(
                f"tokenizer {tokenizer.name_or_path!r} has no token for the mention marker {MARKER!r}; "
                "add it to the vocabulary or choose another encoder"
            )
        return tokens[-1]


def _token_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    found = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
    return list(found["input_ids"])
