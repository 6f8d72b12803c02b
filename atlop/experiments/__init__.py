"""Experiments: train variants of a configuration with several seeds and compare them in a table."""

from atlop.experiments.curves import with_sizes_of
from atlop.experiments.estimating import RunEstimate, estimate_runs
from atlop.experiments.folder import ExperimentFolder
from atlop.experiments.plan import (
    Experiment,
    Plan,
    PlannedRun,
    Published,
    Variant,
    find_experiment,
    load_experiment,
    plan_runs,
)
from atlop.experiments.results import ExperimentResults, RowResult
from atlop.experiments.running import run_experiment
from atlop.experiments.tables import HEADER, caption, table_rows, write_tables

__all__ = [
    "HEADER",
    "Experiment",
    "ExperimentFolder",
    "ExperimentResults",
    "Plan",
    "PlannedRun",
    "Published",
    "RowResult",
    "RunEstimate",
    "Variant",
    "caption",
    "estimate_runs",
    "find_experiment",
    "load_experiment",
    "plan_runs",
    "run_experiment",
    "table_rows",
    "with_sizes_of",
    "write_tables",
]
