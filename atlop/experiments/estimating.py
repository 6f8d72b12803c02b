"""Estimate what is left of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atlop.estimates import TrainingEstimate, estimate_training
from atlop.experiments.folder import ExperimentFolder
from atlop.experiments.plan import Experiment, plan_runs
from atlop.experiments.running import with_precision


@dataclass(frozen=True)
class RunEstimate:
    """A run and its cost."""

    name: str
    state: str
    """As `ExperimentFolder.state` has it."""
    estimate: TrainingEstimate | None
    """From start to end; `None` if it is trained."""


def estimate_runs(
    experiment: Experiment, *, folder: Path, overrides: Sequence[str] = (), device: str | None = None
) -> list[RunEstimate]:
    """Estimate each run that is not trained yet; those that differ in their seed alone are measured once.

    The arguments are those of `run_experiment`.

    Raises:
        AtlopError: The folder's runs have another base, or what `estimate_training` raises.
    """
    states, measured, runs = ExperimentFolder(folder), dict[str, TrainingEstimate](), []
    overrides = with_precision(experiment, folder=states, overrides=overrides, device=device)
    plan = plan_runs(experiment, overrides=overrides)
    states.check_base(plan)
    for run in plan.runs:
        state, estimate = states.state(run), None
        if state in ("not started", "interrupted"):
            trainer = run.config.trainer.model_copy(update={"seed": 0})
            without_seed = run.config.model_copy(update={"trainer": trainer}).model_dump_json()
            if without_seed not in measured:
                measured[without_seed] = estimate_training(run.config, device=device)
            estimate = measured[without_seed]
        runs.append(RunEstimate(run.name, state, estimate))
    return runs
