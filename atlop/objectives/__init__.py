"""Objectives by name: a loss and the decision rule that belongs to it."""

from atlop.errors import AtlopError
from atlop.objectives.adaptive_thresholding import AdaptiveThresholding
from atlop.objectives.objective import Objective

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
