"""Thresholds that give the best F1 on a labelled corpus, found exactly: every place between two margins is tried."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.calibration.candidates import Candidates


def global_threshold(candidates: Candidates) -> NDArray[np.float32]:
    """Choose one threshold for all relations (paper, 'Adaptive Thresholding': the global threshold of the comparison).

    Returns:
        The threshold of each class, `[classes]`, all alike; of several that are equally good the highest.
    """
    best = _ThresholdSweep.from_margins(candidates.margin, candidates.correct).best(
        others=(0, 0), gold=int(candidates.gold.sum())
    )
    return np.full(len(candidates.relations) + 1, best, dtype=np.float32)


def per_class_thresholds(candidates: Candidates) -> NDArray[np.float32]:
    """Choose a threshold for each relation by cyclic optimisation (Fan and Lin 2007, for micro-averaged F1).

    Starts from the best global threshold. One relation after the other gets the threshold that is best given those of
    all others, until a whole cycle changes nothing; F1 rises with every change, so it ends.

    Returns:
        The threshold of each class, `[classes]`.
    """
    thresholds = global_threshold(candidates)
    start = candidates.decide(thresholds)
    gold = int(candidates.gold.sum())
    sweeps = {}
    for class_id in np.unique(candidates.class_id):
        rows = candidates.class_id == class_id
        sweeps[class_id] = _ThresholdSweep.from_margins(candidates.margin[rows], candidates.correct[rows])
    correct, found = int(candidates.correct[start].sum()), int(start.sum())
    changed = True
    while changed:
        changed = False
        for class_id, sweep in sweeps.items():
            own_correct, own_found = sweep.counts(thresholds[class_id])
            others = correct - own_correct, found - own_found
            new = sweep.best(others=others, gold=gold)
            new_correct, new_found = (other + own for other, own in zip(others, sweep.counts(new), strict=True))
            if new_correct * (found + gold) > correct * (new_found + gold):  # F1 is higher, compared without rounding
                thresholds[class_id], correct, found, changed = new, new_correct, new_found, True
    return thresholds


@dataclass(frozen=True)
class _ThresholdSweep:
    """Every way in which a threshold can part candidates: above it the largest 0, 1, … of their distinct margins."""

    margins: NDArray[np.float32]
    """Distinct margins, descending."""
    correct: NDArray[np.int64]
    """Correct candidates with the largest 0, 1, … margins, `[margins + 1]`."""
    found: NDArray[np.int64]
    """Candidates with them, `[margins + 1]`."""

    @classmethod
    def from_margins(cls, margin: NDArray[np.float32], correct: NDArray[np.bool_]) -> "_ThresholdSweep":
        """Sort candidates by margin."""
        negative, place, counts = np.unique(-margin, return_inverse=True, return_counts=True)
        hits = np.bincount(place, weights=correct, minlength=len(negative)).astype(np.int64)
        return cls(margins=-negative, correct=np.append(0, hits.cumsum()), found=np.append(0, counts.cumsum()))

    def best(self, *, others: tuple[int, int], gold: int) -> np.float32:
        """Return the best threshold given what is correct and found elsewhere; of equally good ones the highest."""
        f1 = (others[0] + self.correct) / np.maximum(others[1] + self.found + gold, 1)  # half of it
        return self._cut(int(f1.argmax()))

    def counts(self, threshold: np.float32) -> tuple[int, int]:
        """Return how many candidates above a threshold are correct, and how many there are."""
        way = int((self.margins > threshold).sum())
        return int(self.correct[way]), int(self.found[way])

    def _cut(self, way: int) -> np.float32:
        """Return a threshold that has exactly the largest `way` margins above it, where it can in the middle."""
        if not len(self.margins):
            return np.float32(0.0)
        if way == 0:
            return np.float32(self.margins[0])
        above = self.margins[way - 1]
        below = self.margins[way] if way < len(self.margins) else np.nextafter(above, np.float32(-np.inf))
        middle = np.float32((np.float64(above) + np.float64(below)) / 2)
        return middle if middle < above else np.float32(below)
