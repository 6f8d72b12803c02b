"""Where the two entities of each pair stand in their document: in one sentence or not, how often, how far apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document


@dataclass(frozen=True)
class PairStatistics:
    """What is known of every pair of a document's entities; all arrays are `[entities, entities]` and symmetrical."""

    within: NDArray[np.bool_]
    """Whether any mention of one is in the same sentence as any mention of the other."""
    mentions: NDArray[np.int64]
    """Mentions of both entities together; one that the file lists twice counts twice."""
    distance: NDArray[np.int64]
    """Words between their closest mentions, counted through the document; 0 where these touch or overlap."""


def pair_statistics(document: Document) -> PairStatistics:
    """Look at all pairs of a document's entities; an entity has at least one mention."""
    first_words = np.cumsum([0, *map(len, document.sentences)])
    counts = np.array([len(entity.mentions) for entity in document.entities], dtype=np.int64)
    rows = [(each.sentence, each.start, each.end) for entity in document.entities for each in entity.mentions]
    sentence, start, end = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    start, end = start + first_words[sentence], end + first_words[sentence]
    between = np.maximum(start[:, None], start) - np.minimum(end[:, None], end)  # negative where they overlap
    places = np.cumsum(counts) - counts  # first mention of each entity
    closest = np.minimum.reduceat(np.minimum.reduceat(between, places, axis=0), places, axis=1)
    same = sentence[:, None] == sentence
    return PairStatistics(
        within=np.logical_or.reduceat(np.logical_or.reduceat(same, places, axis=0), places, axis=1),
        mentions=counts[:, None] + counts,
        distance=np.maximum(closest, 0),
    )


def within_a_sentence(document: Document) -> NDArray[np.bool_]:
    """Return whether any mention of one entity shares a sentence with any of another, `[entities, entities]`."""
    return pair_statistics(document).within if document.entities else np.zeros((0, 0), dtype=bool)
