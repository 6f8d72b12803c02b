"""What documents are trained with besides their labels: weights, and what teachers say of their pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Margins:
    """Teachers' margins of the pairs of a document; those that are left out are at most `margins.FLOOR`."""

    indices: NDArray[np.int32]
    """Row in `Features.pairs` and class id of each margin, `[margins, 2]`."""
    values: NDArray[np.float32]
    """`[margins]`"""


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a document is trained with."""

    labelled: bool = True
    """Whether its labels count."""
    weight: float = 1.0
    """Weight of its losses."""
    margins: Margins | None = None
    """Soft targets, if it has any."""
    shares: NDArray[np.float32] | None = None
    """Teachers' share of each sentence in the context of each pair, `[pairs, sentences]`, if these are targets."""


LABELS_ALONE = Supervision()
"""That of a training without teachers."""


def teacher_arrays(
    documents: Sequence[Supervision], *, sentences: Sequence[int], first_pairs: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Return margins and shares of a batch as `Batch` has them.

    Args:
        documents: What each document is trained with.
        sentences: Number of sentences of each document; a teacher may read more.
        first_pairs: Row of each document's first pair, then the number of rows, `[documents + 1]`.
    """
    indices: list[NDArray[Any]] = [np.empty((0, 2), np.int32)]
    values = [np.empty(0, np.float32)]
    is_taught = any(document.shares is not None for document in documents)
    shares = np.zeros((int(first_pairs[-1]) if is_taught else 0, max(sentences)), np.float32)
    for document, columns, first in zip(documents, sentences, first_pairs, strict=False):
        if document.margins is not None:
            indices.append(document.margins.indices + np.array([first, 0]))
            values.append(document.margins.values)
        if document.shares is not None:
            kept = document.shares[:, :columns]
            shares[first : first + len(kept), : kept.shape[1]] = kept
    return {
        "margins": np.concatenate(indices),
        "margin_bits": np.concatenate(values).view(np.int32),
        "share_bits": shares.view(np.int32),
    }
