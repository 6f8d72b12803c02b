"""Explain a fact by the words with the largest weights in its pair's localized context."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from opt_einsum import contract
from torch import Tensor

from atlop.inference.facts import DIGITS, Context, ContextWord
from atlop.model import CONTEXT_EPSILON, EntityAttention
from atlop.schema import Document

MAX_WORDS = 10
"""Words shown of each context."""
_PAIRS_PER_CHUNK = 64  # bounds memory: each pair needs an attention row of every head


def pair_contexts(
    pairs: Sequence[tuple[int, int]], *, document: Document, attention: EntityAttention, words: NDArray[np.int32]
) -> dict[tuple[int, int], Context]:
    """Return the context of each pair of subject and object.

    `words` is the index of each token's word in the document, −1 for none, `[tokens]`.
    """
    builder = _ContextBuilder(document)
    weighted = word_weights(pairs, document=document, attention=attention, words=words)
    return {pair: builder.context(weights) for pair, weights in weighted}


def word_weights(
    pairs: Sequence[tuple[int, int]], *, document: Document, attention: EntityAttention, words: NDArray[np.int32]
) -> Iterator[tuple[tuple[int, int], NDArray[np.float64]]]:
    """Yield each distinct pair with the weight of every word in its localized context, `[words]`, at most 1 in total.

    The arguments are those of `pair_contexts`.
    """
    distinct = list(dict.fromkeys(pairs))
    for first in range(0, len(distinct), _PAIRS_PER_CHUNK):
        chunk = distinct[first : first + _PAIRS_PER_CHUNK]
        with torch.inference_mode():
            token_weights = context_weights(torch.tensor(chunk), attention=attention).cpu().numpy()
        weights = np.zeros((len(chunk), document.words))
        np.add.at(weights.T, words[words >= 0], token_weights.T[words >= 0])
        yield from zip(chunk, weights, strict=True)


def context_weights(pairs: Tensor, *, attention: EntityAttention) -> Tensor:
    """Return the weights by which the model averages tokens into the localized context of each pair.

    Materialises an attention row for each pair, so use it for a few pairs only.

    Args:
        pairs: Subject and object, int64 `[pairs, 2]`, on the CPU.
        attention: Attention of the entities of one document.

    Returns:
        `[pairs, tokens]`; a row sums to 1, or less where the two entities share little attention.
    """
    distinct, positions = pairs.unique(return_inverse=True)
    rows = torch.cat([attention.rows(slice(entity, entity + 1)) for entity in distinct.tolist()], dim=2)
    subjects, objects = (rows.index_select(2, side.to(rows.device)) for side in positions.unbind(dim=1))
    shared: Tensor = contract("thp,thp->pt", subjects, objects) / rows.shape[1]
    return shared / (shared.sum(dim=1, keepdim=True) + CONTEXT_EPSILON)


class _ContextBuilder:
    """Builds contexts from the weights of a document's words."""

    def __init__(self, document: Document):
        self._document = document
        self._words = [(index, word) for index, words in enumerate(document.sentences) for word in range(len(words))]

    def context(self, weights: NDArray[np.float64]) -> Context:
        """Return the words with the largest weights, from the weight of each word, `[words]`."""
        share_of_words = weights.sum()
        weights = weights / (share_of_words or 1)
        return Context(
            words=tuple(self._word(index, weights[index]) for index in _top(weights, MAX_WORDS)),
            share_of_words=_rounded(share_of_words),
        )

    def _word(self, index: int, weight: float) -> ContextWord:
        sentence, word = self._words[index]
        offsets = self._document.offsets
        start, end = (None, None) if offsets is None else offsets[sentence][word]
        return ContextWord(self._document.sentences[sentence][word], sentence, start, end, _rounded(weight))


def _top(weights: NDArray[Any], count: int) -> list[int]:
    """Return the indices of the largest positive weights, largest first; ties keep their order."""
    order = np.argsort(-weights, kind="stable")[:count]
    return [int(index) for index in order if weights[index] > 0]


def _rounded(weight: float) -> float:
    return round(float(weight), DIGITS)
