"""What the model read for a fact: the words and sentences that weigh most in the localized context of its pair."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from opt_einsum import contract
from torch import Tensor

from atlop.inference.facts import DIGITS, Context, ContextSentence, ContextWord
from atlop.model import CONTEXT_EPSILON, EntityAttention
from atlop.schema import Document

MOST_SENTENCES = 3
"""Sentences of a context that are shown."""
MOST_WORDS = 10
"""Words of a context that are shown."""
_PAIRS_AT_ONCE = 64  # each needs a row of attention of every head


def contexts_of(
    pairs: Sequence[tuple[int, int]], *, document: Document, attention: EntityAttention, words: NDArray[np.int32]
) -> dict[tuple[int, int], Context]:
    """Return the context of each pair.

    Args:
        pairs: Subject and object.
        document: The document.
        attention: Gives the attention of its entities.
        words: Word of each token, counted through the document, −1 for none, `[tokens]`.
    """
    reader = _Reader(document)
    of_pairs = word_weights(pairs, document=document, attention=attention, words=words)
    return {pair: reader.context(weights) for pair, weights in of_pairs}


def word_weights(
    pairs: Sequence[tuple[int, int]], *, document: Document, attention: EntityAttention, words: NDArray[np.int32]
) -> Iterator[tuple[tuple[int, int], NDArray[np.float64]]]:
    """Yield each distinct pair with the weight of every word in its localized context, `[words]`; sums to 1 at most.

    Args are those of `contexts_of`.
    """
    distinct = list(dict.fromkeys(pairs))
    for first in range(0, len(distinct), _PAIRS_AT_ONCE):
        chunk = distinct[first : first + _PAIRS_AT_ONCE]
        with torch.inference_mode():
            weights = context_weights(torch.tensor(chunk), attention=attention).cpu().numpy()
        of_words = np.zeros((len(chunk), document.words))
        np.add.at(of_words.T, words[words >= 0], weights.T[words >= 0])
        yield from zip(chunk, of_words, strict=True)


def context_weights(pairs: Tensor, *, attention: EntityAttention) -> Tensor:
    """Return the weight of each token in the localized context of some pairs, as the model averages by it.

    Needs a row of attention for each pair; meant for the few pairs whose context is looked at.

    Args:
        pairs: Subject and object, int64 `[pairs, 2]`, on the CPU.
        attention: That of the entities of one document.

    Returns:
        `[pairs, tokens]`; a row sums to 1, or less where the two attend to little in common.
    """
    distinct, places = pairs.unique(return_inverse=True)
    rows = torch.cat([attention.rows(slice(entity, entity + 1)) for entity in distinct.tolist()], dim=2)
    subjects, objects = (rows.index_select(2, side.to(rows.device)) for side in places.unbind(dim=1))
    shared: Tensor = contract("thp,thp->pt", subjects, objects) / rows.shape[1]
    return shared / (shared.sum(dim=1, keepdim=True) + CONTEXT_EPSILON)


class _Reader:
    """The words of a document in one row, with their sentences."""

    def __init__(self, document: Document):
        self._document = document
        self._places = [(sentence, word) for sentence, of in enumerate(document.sentences) for word in range(len(of))]
        self._sentences = np.array([sentence for sentence, _ in self._places], dtype=np.int64)

    def context(self, weights: NDArray[np.float64]) -> Context:
        """Return the heaviest sentences and words, given the weight of each word, `[words]`."""
        share_of_words = weights.sum()
        weights = weights / (share_of_words or 1)
        of_sentences = np.bincount(self._sentences, weights=weights, minlength=len(self._document.sentences))
        return Context(
            sentences=tuple(self._sentence(index, of_sentences[index]) for index in _top(of_sentences, MOST_SENTENCES)),
            words=tuple(self._word(index, weights[index]) for index in _top(weights, MOST_WORDS)),
            share_of_words=_rounded(share_of_words),
        )

    def _sentence(self, index: int, weight: float) -> ContextSentence:
        document = self._document
        if document.text is None or document.offsets is None:
            return ContextSentence(index, None, None, " ".join(document.sentences[index]), _rounded(weight))
        start, end = document.offsets[index][0][0], document.offsets[index][-1][1]
        return ContextSentence(index, start, end, document.text[start:end], _rounded(weight))

    def _word(self, index: int, weight: float) -> ContextWord:
        sentence, word = self._places[index]
        offsets = self._document.offsets
        start, end = (None, None) if offsets is None else offsets[sentence][word]
        return ContextWord(self._document.sentences[sentence][word], sentence, start, end, _rounded(weight))


def _top(weights: NDArray[Any], most: int) -> list[int]:
    """Return the places of the largest weights above zero, largest first, of equal ones the first."""
    order = np.argsort(-weights, kind="stable")[:most]
    return [int(index) for index in order if weights[index] > 0]


def _rounded(weight: float) -> float:
    return round(float(weight), DIGITS)
