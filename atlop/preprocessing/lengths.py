"""How long documents are in tokens, and what a maximum length would cost."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from atlop.preprocessing.documents import Features, Preprocessor, Truncation
from atlop.preprocessing.tokens import SpecialTokens
from atlop.schema import Document, RelationVocabulary

LENGTHS = (512, 1024)
"""Maximum lengths that are asked about: what BERT reads at once, and what the paper reads in two windows."""

_NO_CUT = 2**31 - 1


@dataclass(frozen=True)
class TokenStatistics:
    """Counts of tokens; markers and special tokens are among them."""

    tokens: int
    """Of all documents, uncut."""
    tokens_max: int
    """Of the longest document."""
    lost: dict[int, Truncation]
    """What each maximum length would cost."""


class TokenCounter:
    """Counts tokens while documents pass, each features once and dropped."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, lengths: tuple[int, ...] = LENGTHS):
        """Prepare the tokenizer.

        Args:
            tokenizer: Any tokenizer that transformers loads and that has a token for `*`.
            lengths: Maximum lengths in tokens, special tokens counted.

        Raises:
            AtlopError: The tokenizer has no token for `*`.
        """
        self._preprocessor = Preprocessor(tokenizer, vocabulary=RelationVocabulary((), {}), max_length=_NO_CUT)
        self._end = len(SpecialTokens.from_tokenizer(tokenizer).end)
        self._lost = {length: Counter[str]() for length in lengths}
        self._tokens = 0
        self._longest = 0

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents on, counted."""
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
        """Return the counts of all documents that passed."""
        names = ("documents", "mentions", "entities", "facts")
        return TokenStatistics(
            tokens=self._tokens,
            tokens_max=self._longest,
            lost={length: Truncation(*(lost[name] for name in names)) for length, lost in self._lost.items()},
        )

    def _lost_at(self, length: int, document: Document, features: Features) -> dict[str, int]:
        """Count what lies beyond the cut, as `Preprocessor` does with that maximum length."""
        kept = features.mention_positions < length - self._end
        reached = np.zeros(features.entities, dtype=bool)
        reached[features.mention_entities[kept]] = True
        return {
            "documents": int(not kept.all()),
            "mentions": int((~kept).sum()),
            "entities": int((~reached).sum()),
            "facts": sum(not (reached[fact.subject] and reached[fact.object]) for fact in document.facts or ()),
        }
