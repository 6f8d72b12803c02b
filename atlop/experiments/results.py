"""What an experiment shows: scores of each row, and how far they are from the first row's."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from atlop.calibration import THRESHOLDS, Candidates
from atlop.decoding import Rule
from atlop.evaluation import (
    Difference,
    Estimate,
    FactTable,
    fact_table,
    mean_difference,
    mean_scores,
    table_scores,
)
from atlop.experiments.plan import Plan
from atlop.schema import Document, NameTriple


@dataclass(frozen=True)
class RowResult:
    """A row of the table. Scores are between 0 and 1, published ones in percent."""

    name: str
    f1: Estimate
    """Mean over seeds, and its interval over documents."""
    ign_f1: Estimate
    """The same of Ign F1."""
    f1_of_seeds: tuple[float, ...]
    """F1 of each seed's run."""
    ign_f1_of_seeds: tuple[float, ...]
    """Ign F1 of each seed's run."""
    difference: Difference | None
    """F1 minus that of the first row, paired document by document; `None` in the first row."""
    published: dict[str, float]
    """Published `f1` and `ign_f1`, in percent."""


@dataclass(frozen=True)
class ExperimentResults:
    """A finished experiment."""

    title: str
    seeds: tuple[int, ...]
    documents: int
    """Number of scored documents."""
    published: str
    """Where the published numbers come from."""
    rows: tuple[RowResult, ...]


def collect_results(
    plan: Plan,
    *,
    candidates: Mapping[str, tuple[Candidates, Candidates]],
    documents: Sequence[Document],
    train_facts: Set[NameTriple],
) -> ExperimentResults:
    """Score an experiment.

    Args:
        plan: Its rows and runs.
        candidates: By name of run, those of the documents that choose and those of the scored documents.
        documents: The scored documents.
        train_facts: Facts that Ign F1 leaves out.
    """

    def scored(chooses: Candidates, scores: Candidates, rule: Rule | None) -> FactTable:
        thresholds = np.zeros(len(chooses.relations) + 1, np.float32) if rule is None else THRESHOLDS[rule](chooses)
        return fact_table(documents, predictions=scores.facts(thresholds), train_facts=train_facts)

    tables = {
        variant.name: [scored(*candidates[run.name], variant.calibration) for run in plan.rows[variant.name]]
        for variant in plan.experiment.variants
    }
    first = plan.experiment.variants[0].name
    rows = []
    for variant in plan.experiment.variants:
        of_variant = tables[variant.name]
        f1, ign_f1 = mean_scores(of_variant)
        of_seeds = [table_scores(table) for table in of_variant]
        rows.append(
            RowResult(
                name=variant.name,
                f1=f1,
                ign_f1=ign_f1,
                f1_of_seeds=tuple(scores.f1 for scores in of_seeds),
                ign_f1_of_seeds=tuple(scores.ign_f1 or 0.0 for scores in of_seeds),
                difference=None if variant.name == first else mean_difference(tables[first], of_variant),
                published=variant.published,
            )
        )
    return ExperimentResults(
        title=plan.experiment.title,
        seeds=plan.experiment.seeds,
        documents=len(documents),
        published=plan.experiment.published,
        rows=tuple(rows),
    )
