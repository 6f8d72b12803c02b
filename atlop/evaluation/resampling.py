"""How sure a score is: bootstrap over documents, and a randomisation test of two results on the same documents.

Documents are what is sampled, since the facts of one document are not independent. Both go through thousands of
samples as products of matrices: a sample's counts are sums of the documents' counts.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 66
CONFIDENCE = 0.95
"""Share of the bootstrap's samples that an interval holds."""
_CHUNK = 250  # samples of one product; what it needs then stays in the processor's cache

Counts = NDArray[Any]
"""Counts of each group in each document, `[documents, groups, 4]`."""
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From counts `[samples, groups, 4]` to what is asked for, `[samples, ...]`."""


def bootstrap(counts: Counts, *, statistic: Statistic) -> NDArray[np.float64]:
    """Return a statistic of documents drawn with replacement, as many as there are, `[RESAMPLES, ...]`.

    The same seed draws the same documents, so two results on the same documents are paired sample by sample.
    Source: Efron, Annals of Statistics 1979; paired, Koehn, EMNLP 2004.
    """
    counts = counts.astype(np.float64)
    return np.concatenate([statistic(_sums(counts, weights)) for weights in _drawn(len(counts))])


def interval(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the middle 95 % of the samples begin and end, from `[samples, ...]`."""
    low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return low, high


def randomisation_test(
    first: Counts, second: Counts, *, first_statistic: Statistic, second_statistic: Statistic
) -> NDArray[np.float64]:
    """Return how often results that differ by chance alone differ at least as much as these do.

    Each sample exchanges the two results on half of the documents, chosen by chance (approximate randomisation,
    two-sided; Noreen 1989, Yeh, COLING 2000).

    Args:
        first: Counts of one result.
        second: Counts of the other, on the same documents.
        first_statistic: What is compared of the first.
        second_statistic: The same of the second.

    Returns:
        p values, shaped as one sample's statistic; `1 / (RESAMPLES + 1)` at least.
    """
    totals = [counts.sum(axis=0, dtype=np.float64)[None] for counts in (first, second)]
    observed = np.abs(second_statistic(totals[1]) - first_statistic(totals[0]))[0]
    moved = (second - first).astype(np.float64)
    as_much = np.zeros_like(observed)
    for exchanged in _exchanged(len(moved)):
        shift = _sums(moved, exchanged)
        difference = second_statistic(totals[1] - shift) - first_statistic(totals[0] + shift)
        as_much += (np.abs(difference) >= observed - 1e-12).sum(axis=0)  # sums in another order differ by rounding
    p: NDArray[np.float64] = (as_much + 1) / (RESAMPLES + 1)
    return p


def _sums(counts: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each sample's counts, `[samples, groups, 4]`, from how often it has each document."""
    documents, *others = counts.shape
    return (weights @ counts.reshape(documents, prod(others))).reshape(len(weights), *others)


def _drawn(documents: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each sample has each document, `[samples, documents]`, `RESAMPLES` rows in all."""
    generator = np.random.default_rng(SEED)
    row = documents * np.arange(_CHUNK)[:, None]
    for _ in range(RESAMPLES // _CHUNK):
        drawn = generator.integers(max(documents, 1), size=(_CHUNK, documents))
        times = np.bincount((drawn + row).ravel(), minlength=_CHUNK * documents)
        yield times.reshape(_CHUNK, documents).astype(np.float64)


def _exchanged(documents: int) -> Iterator[NDArray[np.float64]]:
    """Yield whether each sample exchanges each document, `[samples, documents]`, `RESAMPLES` rows in all."""
    generator = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // _CHUNK):
        yield generator.integers(2, size=(_CHUNK, documents)).astype(np.float64)
