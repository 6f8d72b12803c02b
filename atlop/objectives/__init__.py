"""Objectives by name: each is a loss with its decision rule."""

from collections.abc import Mapping

from pydantic import ValidationError

from atlop.config import ObjectiveConfig
from atlop.config_files import validation_problems
from atlop.errors import AtlopError
from atlop.objectives.adaptive_focal import AdaptiveFocal
from atlop.objectives.adaptive_margin import AdaptiveMargin
from atlop.objectives.adaptive_thresholding import AdaptiveThresholding
from atlop.objectives.balanced_softmax import BalancedSoftmax
from atlop.objectives.binary_cross_entropy import BinaryCrossEntropy, BinaryCrossEntropyWithTh
from atlop.objectives.hinge_weighted import HingeWeighted
from atlop.objectives.moving_threshold import MovingThreshold
from atlop.objectives.none_class_ranking import NoneClassRanking
from atlop.objectives.objective import Objective
from atlop.objectives.positive_unlabelled import PositiveUnlabelled
from atlop.objectives.separate_thresholding import SeparateThresholding
from atlop.objectives.soft_targets import Loss, training_losses
from atlop.objectives.weighted_softmax import WeightedSoftmax

OBJECTIVES: dict[str, type[Objective]] = {
    "adaptive_thresholding": AdaptiveThresholding,
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_cross_entropy_with_th": BinaryCrossEntropyWithTh,
    "separate_thresholding": SeparateThresholding,
    "adaptive_focal": AdaptiveFocal,
    "balanced_softmax": BalancedSoftmax,
    "hinge_weighted": HingeWeighted,
    "adaptive_margin": AdaptiveMargin,
    "moving_threshold": MovingThreshold,
    "none_class_ranking": NoneClassRanking,
    "positive_unlabelled": PositiveUnlabelled,
    "weighted_softmax": WeightedSoftmax,
}


def objective_by_name(name: str, *, parameters: Mapping[str, float] | None = None) -> Objective:
    """Return an objective.

    Args:
        name: One of `OBJECTIVES`.
        parameters: Parameters of its loss that differ from the defaults. Decisions do not depend on them.

    Raises:
        AtlopError: The name, a parameter or its value is not valid.
    """
    if name not in OBJECTIVES:
        raise AtlopError(f"objective.name: no objective {name!r}; known are {', '.join(OBJECTIVES)}")
    try:
        return OBJECTIVES[name].model_validate(dict(parameters or {}))
    except ValidationError as error:
        problems = validation_problems(error, model=OBJECTIVES[name], prefix="objective.parameters")
        raise AtlopError(f"objective {name!r}:\n" + "\n".join(f"  {problem}" for problem in problems)) from None


def make_objective(config: ObjectiveConfig) -> Objective:
    """Return the objective of a configuration; see `objective_by_name`."""
    return objective_by_name(config.name, parameters=config.parameters)


__all__ = [
    "OBJECTIVES",
    "AdaptiveThresholding",
    "Loss",
    "Objective",
    "make_objective",
    "objective_by_name",
    "training_losses",
]
