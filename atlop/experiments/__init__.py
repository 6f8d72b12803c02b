"""Experiments: train variants of a configuration with several seeds and compare them in a table."""

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
from atlop.experiments.running import ExperimentFolder, estimate_runs, estimate_seconds, run_experiment
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
    "Variant",
    "caption",
    "estimate_runs",
    "estimate_seconds",
    "find_experiment",
    "load_experiment",
    "plan_runs",
    "run_experiment",
    "table_rows",
    "write_tables",
]
