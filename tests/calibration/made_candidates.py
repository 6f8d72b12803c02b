"""Random candidates with few distinct margins, so that ties are common."""

import numpy as np

from atlop.calibration import Candidates


def made_candidates(
    *, seed: int, size: int = 60, relations: int = 3, documents: int = 5, values: int = 12
) -> Candidates:
    """Return candidates whose margin correlates with being correct."""
    generator = np.random.default_rng(seed)
    margin = generator.integers(-values, values, size) / np.float32(4)
    correct = generator.random(size) < 1 / (1 + np.exp(-margin + generator.integers(-1, 2, size)))
    document = np.sort(generator.integers(0, documents, size))
    return Candidates(
        relations=tuple(f"R{number}" for number in range(1, relations + 1)),
        document=document,
        subject=np.arange(size),
        object=np.arange(size) + 1,
        class_id=generator.integers(1, relations + 1, size),
        margin=margin.astype(np.float32),
        correct=correct,
        gold=np.bincount(document, weights=correct, minlength=documents).astype(np.int64) + 1,
    )
