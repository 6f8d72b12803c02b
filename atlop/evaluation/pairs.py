"""Sentence overlap, mention counts and distance of all entity pairs of a document."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document


@dataclass(frozen=True)
class PairStatistics:
    """Statistics of every pair of a document's entities; all arrays are `[entities, entities]` and symmetric."""

    same_sentence: NDArray[np.bool_]
    """Whether any mentions of the two share a sentence."""
    mentions: NDArray[np.int64]
    """Number of mentions of both entities; duplicates in the file count twice."""
    distance: NDArray[np.int64]
    """Words between their closest mentions, across sentences; 0 if these touch or overlap."""


def pair_statistics(document: Document) -> PairStatistics:
    """Compute the statistics of a document whose entities all have mentions."""
    first_words = np.cumsum([0, *map(len, document.sentences)])
    counts = np.array([len(entity.mentions) for entity in document.entities], dtype=np.int64)
    spans = [(each.sentence, each.start, each.end) for entity in document.entities for each in entity.mentions]
    sentence, start, end = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    start, end = start + first_words[sentence], end + first_words[sentence]
    between = np.maximum(start[:, None], start) - np.minimum(end[:, None], end)  # negative if they overlap
    firsts = np.cumsum(counts) - counts  # first mention of each entity
    closest = np.minimum.reduceat(np.minimum.reduceat(between, firsts, axis=0), firsts, axis=1)
    same = sentence[:, None] == sentence
    return PairStatistics(
        same_sentence=np.logical_or.reduceat(np.logical_or.reduceat(same, firsts, axis=0), firsts, axis=1),
        mentions=counts[:, None] + counts,
        distance=np.maximum(closest, 0),
    )


def within_a_sentence(document: Document) -> NDArray[np.bool_]:
    """Return whether any mentions of two entities share a sentence, `[entities, entities]`."""
    return pair_statistics(document).same_sentence if document.entities else np.zeros((0, 0), dtype=bool)
