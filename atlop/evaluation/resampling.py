"""Bootstrap intervals over documents, and a randomisation test of two results on the same documents.

Both sample documents, since the facts of one document are not independent. A sample's counts are weighted sums of the
documents' counts, so thousands of samples are a few matrix products.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 66
CONFIDENCE = 0.95
"""Share of the samples inside an interval."""
_CHUNK = 250  # samples per matrix product, so that it fits the CPU cache

Counts = NDArray[Any]
"""Counts per document and group, `[documents, groups, 4]`."""
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Function from counts `[samples, groups, 4]` to values `[samples, ...]`."""


def bootstrap(counts: Counts, *, statistic: Statistic) -> NDArray[np.float64]:
    """Return a statistic of all bootstrap samples of the documents, `[RESAMPLES, ...]`.

    The seed is fixed, so the samples of two results on the same documents are paired.
    Source: Efron, Annals of Statistics 1979; paired: Koehn, EMNLP 2004.
    """
    counts = counts.astype(np.float64)
    return np.concatenate([statistic(_sums(counts, weights)) for weights in _bootstrap_weights(len(counts))])


def interval(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the 95 % percentile interval of samples `[samples, ...]`."""
    low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return low, high


def randomisation_test(
    first: Counts, second: Counts, *, first_statistic: Statistic, second_statistic: Statistic
) -> NDArray[np.float64]:
    """Return p values for the difference of two results by approximate randomisation, two-sided.

    Both results are on the same documents; each sample swaps them on a random half of these (Noreen 1989; Yeh, COLING
    2000).

    Returns:
        p values in the shape of one sample's statistic; at least `1 / (RESAMPLES + 1)`.
    """
    totals = [counts.sum(axis=0, dtype=np.float64)[None] for counts in (first, second)]
    observed = np.abs(second_statistic(totals[1]) - first_statistic(totals[0]))[0]
    changes = (second - first).astype(np.float64)
    exceeded = np.zeros_like(observed)
    generator = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // _CHUNK):
        shift = _sums(changes, generator.integers(2, size=(_CHUNK, len(changes))).astype(np.float64))  # 1: swapped
        difference = second_statistic(totals[1] - shift) - first_statistic(totals[0] + shift)
        exceeded += (np.abs(difference) >= observed - 1e-12).sum(axis=0)  # tolerates rounding
    p: NDArray[np.float64] = (exceeded + 1) / (RESAMPLES + 1)
    return p


def _sums(counts: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each sample's counts, `[samples, groups, 4]`, from the weights of documents `[samples, documents]`."""
    documents, *others = counts.shape
    return (weights @ counts.reshape(documents, prod(others))).reshape(len(weights), *others)


def _bootstrap_weights(documents: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each sample draws each document, `[samples, documents]`; `RESAMPLES` samples in total."""
    generator = np.random.default_rng(SEED)
    offset = documents * np.arange(_CHUNK)[:, None]
    for _ in range(RESAMPLES // _CHUNK):
        drawn = generator.integers(max(documents, 1), size=(_CHUNK, documents))
        weights = np.bincount((drawn + offset).ravel(), minlength=_CHUNK * documents)
        yield weights.reshape(_CHUNK, documents).astype(np.float64)
