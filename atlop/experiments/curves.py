"""Learning curves: each variant of an experiment with several numbers of train documents."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from atlop.config import DataConfig
from atlop.corpora import CorpusFile
from atlop.errors import AtlopError
from atlop.evaluation import Estimate, FactTable, weighted_f1
from atlop.experiments.plan import Experiment

logger = logging.getLogger(__name__)

NEXT = 100
"""Further documents whose gain is estimated."""


def with_sizes_of(experiment: Experiment, *, data: DataConfig) -> Experiment:
    """Return an experiment without the sizes that its train file is too small for, which are logged.

    Raises:
        AtlopError: The file cannot be read, or no size is left.
    """
    if not experiment.sizes:
        return experiment
    documents = sum(1 for _ in CorpusFile(data.train, format=data.format, invalid=data.invalid))
    sizes = tuple(size for size in experiment.sizes if size <= documents)
    if not sizes:
        raise AtlopError(f"sizes: all are above the {documents:,} documents of {data.train}; list smaller ones")
    if len(sizes) < len(experiment.sizes):
        logger.warning("%s has %d documents; larger sizes of the experiment are left out", data.train, documents)
    return experiment.model_copy(update={"sizes": sizes})


def next_gains(
    curve: Mapping[int, Sequence[FactTable]],
) -> dict[int, Estimate]:
    """Return what F1 the next hundred documents bring at each size, with intervals over the scored documents.

    Between sizes, F1 is taken as linear in the logarithm of the size, and above the largest one as going on like that:
    the last gain is extrapolated. A curve of one size has none.

    Args:
        curve: Facts of the runs of each size, on the same documents.
    """
    sizes = sorted(curve)
    if len(sizes) < 2:
        return {}
    return {
        size: weighted_f1([curve[each] for each in sizes], weights=_interpolation(sizes, at=size + NEXT) - share)
        for size, share in zip(sizes, np.eye(len(sizes)), strict=True)
    }


def _interpolation(sizes: Sequence[int], *, at: int) -> NDArray[np.float64]:
    """Return the weight of each size in the F1 at one that is not below the smallest, `[sizes]`."""
    upper = min(int(np.searchsorted(sizes, at)), len(sizes) - 1)
    low, high, logarithm = np.log([sizes[upper - 1], sizes[upper], at])
    share = (logarithm - low) / (high - low)
    weights = np.zeros(len(sizes))
    weights[[upper - 1, upper]] = 1 - share, share
    return weights
