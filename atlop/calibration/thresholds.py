"""Thresholds with the best F1 on a labelled corpus, by exact search over all distinct margins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.calibration.candidates import Candidates


def global_threshold(candidates: Candidates) -> NDArray[np.float32]:
    """Choose one threshold for all relations (paper, 'Adaptive Thresholding': the global threshold of the comparison).

    Returns:
        The threshold of each class, `[classes]`, all equal; the highest if several are best.
    """
    best = ThresholdSweep.from_margins(candidates.margin, candidates.correct).best(gold=int(candidates.gold.sum()))
    return np.full(len(candidates.relations) + 1, best, dtype=np.float32)


def precision_threshold(candidates: Candidates, *, precision: float) -> NDArray[np.float32]:
    """Choose the threshold for all relations that finds the most candidates with a precision of at least `precision`.

    Returns:
        The threshold of each class, `[classes]`, all equal; that of the highest precision if none reaches it.
    """
    sweep = ThresholdSweep.from_margins(candidates.margin, candidates.correct)
    precisions = sweep.precisions()
    reached = np.flatnonzero(precisions >= min(precision, precisions.max(initial=0)))
    best = sweep.threshold_below(1 + int(reached[-1]) if len(reached) else 0)
    return np.full(len(candidates.relations) + 1, best, dtype=np.float32)


def highest_precision(candidates: Candidates) -> float:
    """Return the highest precision that one threshold for all relations reaches; 0 without candidates."""
    sweep = ThresholdSweep.from_margins(candidates.margin, candidates.correct)
    return float(sweep.precisions().max(initial=0))


def per_class_thresholds(candidates: Candidates) -> NDArray[np.float32]:
    """Choose a threshold for each relation by cyclic optimisation (Fan and Lin 2007, for micro-averaged F1).

    Starts from the best global threshold, then optimises one relation at a time with all others fixed, until a full
    cycle changes nothing. It terminates because every change raises F1.

    Returns:
        The threshold of each class, `[classes]`.
    """
    thresholds = global_threshold(candidates)
    accepted = candidates.decide(thresholds)
    gold = int(candidates.gold.sum())
    sweeps = {}
    for class_id in np.unique(candidates.class_id):
        rows = candidates.class_id == class_id
        sweeps[class_id] = ThresholdSweep.from_margins(candidates.margin[rows], candidates.correct[rows])
    correct, found = int(candidates.correct[accepted].sum()), int(accepted.sum())
    changed = True
    while changed:
        changed = False
        for class_id, sweep in sweeps.items():
            own_correct, own_found = sweep.counts(thresholds[class_id])
            others = correct - own_correct, found - own_found
            new = sweep.best(others=others, gold=gold)
            new_correct, new_found = (other + own for other, own in zip(others, sweep.counts(new), strict=True))
            if new_correct * (found + gold) > correct * (new_found + gold):  # F1 rises; integers avoid rounding
                thresholds[class_id], correct, found, changed = new, new_correct, new_found, True
    return thresholds


@dataclass(frozen=True)
class ThresholdSweep:
    """Counts for every useful threshold: those with exactly the 0, 1, … largest distinct margins above it."""

    margins: NDArray[np.float32]
    """Distinct margins, descending."""
    correct: NDArray[np.int64]
    """Number of correct ones among the 0, 1, … largest margins, `[margins + 1]`."""
    found: NDArray[np.int64]
    """Number of all among them, `[margins + 1]`."""

    @classmethod
    def from_margins(cls, margin: NDArray[np.float32], correct: NDArray[np.bool_]) -> "ThresholdSweep":
        """Count the candidates above each distinct margin; both arguments are `[candidates]`."""
        negative, index, counts = np.unique(-margin, return_inverse=True, return_counts=True)
        hits = np.bincount(index, weights=correct, minlength=len(negative)).astype(np.int64)
        return cls(margins=-negative, correct=np.append(0, hits.cumsum()), found=np.append(0, counts.cumsum()))

    def best(self, *, gold: int, others: tuple[int, int] = (0, 0)) -> np.float32:
        """Return the best threshold given the correct and found counts of other relations; the highest of ties."""
        f1 = (others[0] + self.correct) / np.maximum(others[1] + self.found + gold, 1)  # F1 / 2
        return self.threshold_below(int(f1.argmax()))

    def precisions(self) -> NDArray[np.float64]:
        """Return the precision of the 1, 2, … largest distinct margins, `[margins]`."""
        return self.correct[1:] / self.found[1:]

    def counts(self, threshold: np.float32) -> tuple[int, int]:
        """Return the numbers of correct and of all candidates above a threshold."""
        above = int((self.margins > threshold).sum())
        return int(self.correct[above]), int(self.found[above])

    def threshold_below(self, count: int) -> np.float32:
        """Return a threshold just below the `count` largest margins: midway to the next one if float32 can."""
        if not len(self.margins):
            return np.float32(0.0)
        if count == 0:
            return np.float32(self.margins[0])
        above = self.margins[count - 1]
        below = self.margins[count] if count < len(self.margins) else np.nextafter(above, np.float32(-np.inf))
        middle = np.float32((np.float64(above) + np.float64(below)) / 2)
        return middle if middle < above else np.float32(below)
