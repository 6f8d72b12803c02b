"""Objectives by name: a loss and the decision rule that belongs to it."""

from typing import Protocol

from torch import Tensor

from atlop.errors import AtlopError
from atlop.objectives.adaptive_thresholding import AdaptiveThresholding


class Objective(Protocol):
    """What training and decoding ask of an objective."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each pair, float32 `[pairs]`, from scores and bool labels, both `[pairs, classes]`."""
        ...

    def decide(self, scores: Tensor, *, max_relations: int) -> Tensor:
        """Return which relations hold, bool `[pairs, classes]`, from scores `[pairs, classes]`."""
        ...


OBJECTIVES: dict[str, type[Objective]] = {"adaptive_thresholding": AdaptiveThresholding}


def objective_named(name: str) -> Objective:
    """Return an objective.

    Raises:
        AtlopError: There is none of this name.
    """
    if name not in OBJECTIVES:
        raise AtlopError(f"objective.name: no objective {name!r}; known are {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]()


__all__ = ["OBJECTIVES", "AdaptiveThresholding", "Objective", "objective_named"]
