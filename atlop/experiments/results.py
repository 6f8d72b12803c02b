"""Score an experiment: each row's scores and its difference from the first row."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from atlop.calibration import CHOOSERS, Candidates
from atlop.evaluation import (
    Difference,
    Estimate,
    FactTable,
    evidence_f1,
    fact_table,
    mean_difference,
    mean_scores,
    table_scores,
)
from atlop.experiments.curves import next_gains
from atlop.experiments.dreeam import choose_merged
from atlop.experiments.plan import Plan, Reading, Variant
from atlop.schema import Document, NameTriple


@dataclass(frozen=True)
class RowResult:
    """A row of the table. Scores are from 0 to 1, published ones in percent."""

    name: str
    f1: Estimate | None
    """Mean F1 over seeds, with an interval over documents; `None` if no run is scored."""
    ign_f1: Estimate | None
    """Mean Ign F1 over seeds, with an interval over documents."""
    f1_of_seeds: tuple[float, ...]
    """F1 of each scored run, by seed."""
    ign_f1_of_seeds: tuple[float, ...]
    """Ign F1 of each scored run, by seed."""
    difference: Difference | None
    """F1 minus that of the first row of its size with the same seeds, paired by document; `None` in the first row."""
    published: dict[str, float]
    """Published scores, in percent: the keys of `Published` that have a value."""
    table: str = ""
    """Title of the row's table, if the experiment has several."""
    evidence_f1_of_seeds: tuple[float, ...] = ()
    """Official evidence F1 of each scored run, by seed; empty if no scored document has annotated evidence, or the
    model has no evidence."""
    pair_evidence_f1_of_seeds: tuple[float, ...] = ()
    """PosEvi F1 of each scored run, by seed, whatever facts it finds; empty likewise."""
    size: int | None = None
    """Number of train documents, if the experiment has several."""
    gain: Estimate | None = None
    """What F1 the next hundred documents bring (`next_gains`); `None` until each run of the row is scored."""


@dataclass(frozen=True)
class ExperimentResults:
    """Results of an experiment."""

    title: str
    seeds: tuple[int, ...]
    documents: int
    """Number of scored documents."""
    published: str
    """Source of the published numbers."""
    rows: tuple[RowResult, ...]


def collect_results(
    plan: Plan,
    *,
    candidates: Mapping[tuple[str, Reading], tuple[Candidates, Candidates]],
    documents: Sequence[Document],
    train_facts: Set[NameTriple],
) -> ExperimentResults:
    """Score an experiment.

    Args:
        plan: The rows and runs.
        candidates: By run and what decisions read, the candidates of the documents that choose thresholds and those of
            the scored documents; of the runs that are scored.
        documents: The scored documents.
        train_facts: Train facts, for Ign F1.
    """

    def score(choosing: Candidates, scored: Candidates, variant: Variant) -> FactTable:
        choose = choose_merged if variant.decision == "dreeam" else CHOOSERS[variant.decision]
        return fact_table(
            documents,
            predictions=scored.facts(scored.accepted(choose(choosing))),
            train_facts=train_facts,
            pair_evidence=None if scored.evidence is None else scored.pair_evidence(),
        )

    tables = {
        variant.name: {
            run.seed: score(*candidates[run.name, variant.reading], variant)
            for run in plan.rows[variant.name]
            if (run.name, variant.reading) in candidates
        }
        for variant in plan.experiment.variants
    }
    firsts: dict[int | None, str] = {}
    rows, gains = [], _gains(plan, tables)
    for variant in plan.experiment.variants:
        first = firsts.setdefault(variant.size, variant.name)
        seed_tables = tables[variant.name]
        f1, ign_f1 = mean_scores([*seed_tables.values()]) if seed_tables else (None, None)
        seed_scores = [*map(table_scores, seed_tables.values())]
        evidence = [each for each in map(evidence_f1, seed_tables.values()) if each is not None]
        common = [] if variant.name == first else [seed for seed in seed_tables if seed in tables[first]]
        pairs = [(tables[first][seed], seed_tables[seed]) for seed in common]
        rows.append(
            RowResult(
                name=variant.name,
                f1=f1,
                ign_f1=ign_f1,
                f1_of_seeds=tuple(scores.f1 or 0.0 for scores in seed_scores),
                ign_f1_of_seeds=tuple(scores.ign_f1 or 0.0 for scores in seed_scores),
                difference=mean_difference(*zip(*pairs, strict=True)) if pairs else None,
                published=variant.published.model_dump(exclude_none=True),
                table=variant.table,
                evidence_f1_of_seeds=tuple(official for official, _ in evidence),
                pair_evidence_f1_of_seeds=tuple(pairs for _, pairs in evidence),
                size=variant.size,
                gain=gains.get(variant.name),
            )
        )
    return ExperimentResults(
        title=plan.experiment.title,
        seeds=plan.experiment.seeds,
        documents=len(documents),
        published=plan.experiment.published,
        rows=tuple(rows),
    )


def _gains(plan: Plan, tables: Mapping[str, Mapping[int, FactTable]]) -> dict[str, Estimate]:
    """Return the gain of the next hundred documents at each row of a curve, among those whose runs are all scored."""
    curves: dict[str, dict[int, str]] = {}
    for variant in plan.experiment.variants:
        if variant.size is not None and len(tables[variant.name]) == len(plan.experiment.seeds):
            curves.setdefault(variant.table, {})[variant.size] = variant.name
    return {
        curve[size]: gain
        for curve in curves.values()
        for size, gain in next_gains({size: [*tables[name].values()] for size, name in curve.items()}).items()
    }
