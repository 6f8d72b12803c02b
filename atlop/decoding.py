"""Decisions on pairs to facts."""

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Fact, RelationVocabulary


def facts_of(
    decisions: NDArray[np.bool_], *, pairs: NDArray[np.int32], vocabulary: RelationVocabulary
) -> tuple[Fact, ...]:
    """Return the facts that were decided for one document, pair by pair.

    Args:
        decisions: Which relations hold, `[pairs, classes]`; the column of TH is false.
        pairs: Subject and object of each pair, `[pairs, 2]`.
        vocabulary: Relation of each class.
    """
    rows, classes = np.nonzero(decisions)
    return tuple(
        Fact(subject=int(subject), object=int(object_), relation=vocabulary.relation_of(int(class_id)))
        for (subject, object_), class_id in zip(pairs[rows], classes, strict=True)
    )
