"""Weights and threshold of fused margins with the best F1, by search over a grid of weights and all thresholds."""

from itertools import product

import numpy as np

from atlop.calibration.candidates import Candidates, micro_f1
from atlop.calibration.thresholds import ThresholdSweep
from atlop.decoding import Fusion
from atlop.errors import AtlopError

WEIGHTS = tuple(np.arange(0, 1.01, 0.05).round(2).tolist())
"""Weights w of the margin in pseudo documents; 0 leaves it out."""
MISSING = tuple(np.arange(-2, 2.01, 0.25).tolist())
"""What is added where no pseudo document has the pair (b), in nats."""
_LOWEST = -6.0  # margin below which a candidate is so unlikely that the search leaves it out


def choose_fusion(candidates: Candidates) -> Fusion:
    """Choose w, b and the threshold by F1; the simplest of equals: the smallest w, then the b nearest to 0.

    Raises:
        AtlopError: No pseudo documents were scored.
    """
    if candidates.pseudo_margin is None:
        raise AtlopError("the candidates have no margins of pseudo documents, which fusion needs")
    rows = candidates.margin > _LOWEST
    gold, correct = int(candidates.gold.sum()), candidates.correct[rows]
    best = (-1.0, 0.0, 0.0, 0.0)
    for weight, missing in product(WEIGHTS, sorted(MISSING, key=abs)):
        fused = candidates.fused_margin(weight=weight, missing=missing)[rows]
        threshold = ThresholdSweep.from_margins(fused, correct).best(gold=gold)
        found = fused > threshold
        f1 = micro_f1(int(correct[found].sum()), int(found.sum()), gold)
        if f1 > best[0]:
            best = (f1, weight, missing, float(threshold))
    return Fusion(weight=best[1], missing=best[2], threshold=best[3])
