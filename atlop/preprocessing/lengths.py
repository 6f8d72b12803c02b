"""Lengths of documents in tokens, and what a maximum length would cost."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from atlop.preprocessing.features import Features, Truncation
from atlop.preprocessing.preprocessor import Preprocessor
from atlop.preprocessing.tokens import SpecialTokens
from atlop.schema import Document, RelationVocabulary

LENGTHS = (512, 1024)
"""Maximum lengths to report: one window of BERT, and the paper's maximum."""

_UNLIMITED = 2**31 - 1


@dataclass(frozen=True)
class TokenStatistics:
    """Counts of tokens, markers and special tokens included."""

    tokens: int
    """Tokens of all documents, without truncation."""
    tokens_max: int
    """Tokens of the longest document."""
    lost: dict[int, Truncation]
    """What would be lost, by maximum length."""


class TokenCounter:
    """Counts the tokens of documents as they pass; keeps none of them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, lengths: tuple[int, ...] = LENGTHS):
        """Prepare a tokenizer of transformers; `lengths` are maximum lengths to report, special tokens included.

        Raises:
            AtlopError: The tokenizer has no token for `*`.
        """
        self._preprocessor = Preprocessor(tokenizer, vocabulary=RelationVocabulary((), {}), max_length=_UNLIMITED)
        self._end = len(SpecialTokens.from_tokenizer(tokenizer).end)
        self._lost = {length: Counter[str]() for length in lengths}
        self._tokens = 0
        self._longest = 0

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Count each document and yield it."""
        for document in documents:
            (features,) = self._preprocessor.preprocess([document])
            tokens = len(features.input_ids)
            self._tokens += tokens
            self._longest = max(self._longest, tokens)
            for length, lost in self._lost.items():
                if tokens > length:
                    lost.update(self._lost_at(length, document, features))
            yield document

    def result(self) -> TokenStatistics:
        """Return the counts so far."""
        names = ("documents", "mentions", "entities", "facts")
        return TokenStatistics(
            tokens=self._tokens,
            tokens_max=self._longest,
            lost={length: Truncation(*(lost[name] for name in names)) for length, lost in self._lost.items()},
        )

    def _lost_at(self, length: int, document: Document, features: Features) -> dict[str, int]:
        """Count what a maximum length truncates, as `Preprocessor` does."""
        kept = features.mention_positions < length - self._end
        reachable = np.zeros(features.entities, dtype=bool)
        reachable[features.mention_entities[kept]] = True
        return {
            "documents": int(not kept.all()),
            "mentions": int((~kept).sum()),
            "entities": int((~reachable).sum()),
            "facts": sum(not (reachable[fact.subject] and reachable[fact.object]) for fact in document.facts or ()),
        }
