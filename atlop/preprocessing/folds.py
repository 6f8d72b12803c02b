"""Which documents of a corpus a model is trained on: all, all but those of a fold, or some drawn at random."""

import numpy as np
from numpy.typing import NDArray

from atlop.config import DataConfig
from atlop.errors import AtlopError


def fold_numbers(documents: int, *, folds: int) -> NDArray[np.int64]:
    """Return the fold of each document, from 1, `[documents]`; drawn at random, but always the same."""
    return np.random.default_rng(0).permutation(documents) % folds + 1


def train_rows(documents: int, config: DataConfig, *, seed: int) -> NDArray[np.int64] | None:
    """Return the indices of the documents to train on, ascending; `None` for all.

    Args:
        documents: Number of documents in the train file.
        config: The fold to leave out and the number to train on, if any.
        seed: Seed of the random order, of whose documents the first ones are trained on.

    Raises:
        AtlopError: There are fewer documents than `data.train_documents`.
    """
    if config.leave_out is None and config.train_documents is None:
        return None
    rows = np.arange(documents)
    if config.leave_out is not None:
        fold, folds = config.leave_out
        rows = rows[fold_numbers(documents, folds=folds) != fold]
    if (number := config.train_documents) is not None:
        if number > len(rows):
            raise AtlopError(f"data.train_documents: {number:,}, but {config.train} has only {len(rows):,}")
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:number])
    return rows
