"""The entity pairs of a document."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document


def pairs_to_classify(document: Document) -> NDArray[np.int32]:
    """Return subject and object of each pair to classify, `[pairs, 2]`."""
    if document.pairs is not None:
        pairs = np.array(document.pairs, dtype=np.int32).reshape(-1, 2)
    else:
        pairs = ordered_pairs(len(document.entities))
        if document.directed:
            return pairs
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    return pairs if document.directed else np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)


def label_both_orders(
    labels: NDArray[np.int32], evidence: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Extend labels and evidence of an undirected document from the first order of its pairs to both."""
    other_order, other_labels = np.array([1, 0], dtype=np.int32), np.array([len(labels), 0], dtype=np.int32)
    return np.concatenate([labels, labels + other_order]), np.concatenate([evidence, evidence + other_labels])


@lru_cache(maxsize=64)
def ordered_pairs(entities: int) -> NDArray[np.int32]:
    """Return all (subject, object) with subject ≠ object, row by row, `[entities · (entities − 1), 2]`; read-only."""
    subject, object_ = np.divmod(np.arange(entities * entities, dtype=np.int32), max(entities, 1))
    pairs: NDArray[np.int32] = np.stack([subject, object_], axis=1)[subject != object_]
    pairs.setflags(write=False)  # shared by all documents with this many entities
    return pairs
