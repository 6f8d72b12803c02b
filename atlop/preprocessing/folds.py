"""Folds of a corpus, for models that are trained on all documents but those of one fold."""

import numpy as np
from numpy.typing import NDArray


def fold_numbers(documents: int, *, folds: int) -> NDArray[np.int64]:
    """Return the fold of each document, from 1, `[documents]`; drawn at random, but always the same."""
    return np.random.default_rng(0).permutation(documents) % folds + 1
