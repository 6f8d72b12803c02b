"""Read an experiment and plan its runs: one per variant and seed, without duplicates."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import tomli_w
from pydantic import Field, ValidationError

from atlop.config import RunConfig, Section
from atlop.config_files import find_config, load_config, validation_problems
from atlop.decoding import DecisionName
from atlop.errors import AtlopError
from atlop.files import read_toml

RowDecision: TypeAlias = DecisionName | Literal["dreeam"]
"""What decides in a row: what a model can store, or DREEAM's own rule of fusion (`atlop.experiments.dreeam`)."""
Reading: TypeAlias = Literal["whole", "fused", "dreeam"]
"""What a decision reads: whole documents alone, or pseudo documents too, in either form of fusion."""


class Published(Section):
    """Published scores, in percent."""

    f1: float | None = None
    f1_deviation: float | None = None
    """Standard deviation over seeds."""
    ign_f1: float | None = None
    ign_f1_deviation: float | None = None
    """Standard deviation over seeds."""


class Variant(Section):
    """One row of the table."""

    name: str = Field(min_length=1)
    """Label of the row."""
    table: str = ""
    """Title of the row's table, if the experiment has several."""
    set: dict[str, Any] = Field({})
    """Changes to the configuration: `section.key` to value."""
    decision: RowDecision = "plain"
    """What turns scores into facts; its thresholds are chosen after training."""
    published: Published = Published()
    """Published scores of the row."""
    size: int | None = Field(None, ge=1)
    """Number of train documents; the `sizes` of an experiment give each of its variants several."""

    @property
    def reading(self) -> Reading:
        """What its decision reads."""
        return "fused" if self.decision == "fusion" else "dreeam" if self.decision == "dreeam" else "whole"


class Experiment(Section):
    """Variants of one configuration, trained with the same seeds and scored on the same documents."""

    title: str = Field(min_length=1)
    """Title of the table."""
    config: str
    """Base configuration of all variants: a file or the name of a shipped one."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds of each variant's runs."""
    set: dict[str, Any] = Field({})
    """Changes shared by all variants: `section.key` to value."""
    variants: tuple[Variant, ...] = Field(min_length=1)
    """Rows of the table; each is compared with the first of its size."""
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of train documents (`data.train_documents`): each variant has a row for each, which make a curve."""
    scored: Path | None = None
    """Labelled documents to score. By default `data.dev` is split at random: one half chooses epochs and thresholds,
    the other is scored."""
    split_seed: int = Field(0, ge=0)
    """Seed of that split."""
    published: str = ""
    """Source of the published numbers."""


@dataclass(frozen=True)
class PlannedRun:
    """A training run that one or more rows use."""

    name: str
    """Name of its folder, from its variant's changes and its seed; the same in all experiments with one base."""
    seed: int
    config: RunConfig
    readings: frozenset[Reading] = frozenset()
    """What the decisions of its rows read."""


@dataclass(frozen=True)
class Plan:
    """The runs of an experiment."""

    experiment: Experiment
    """The experiment, with a variant for each row."""
    base: RunConfig
    """Configuration without the variants' changes."""
    runs: tuple[PlannedRun, ...]
    """Every distinct run, by seed."""
    rows: dict[str, tuple[PlannedRun, ...]]
    """The runs of each variant, one per seed."""


def find_experiment(source: str) -> Path:
    """Return the path of an experiment.

    Args:
        source: Path of a TOML file, or the name of a shipped one, such as `thresholds` or `experiments/thresholds`.

    Raises:
        AtlopError: There is none.
    """
    try:
        return find_config(source)
    except AtlopError:
        with suppress(AtlopError):
            return find_config(f"experiments/{source}")
        raise


def load_experiment(source: str) -> Experiment:
    """Read an experiment.

    Args:
        source: As in `find_experiment`.

    Raises:
        AtlopError: The file is missing or not valid, or a variant or seed is listed twice.
    """
    path = find_experiment(source)
    try:
        experiment = Experiment.model_validate(read_toml(path))
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in validation_problems(error, model=Experiment))
        raise AtlopError(f"{path}: the experiment is not valid:\n{problems}") from None
    names = [variant.name for variant in experiment.variants]
    for kind, values in (("variant", names), ("seed", experiment.seeds), ("size", experiment.sizes)):
        if repeated := sorted({str(value) for value in values if list(values).count(value) > 1}):
            raise AtlopError(f"{path}: duplicate {kind}: {', '.join(repeated)}; list each once")
    return experiment


def plan_runs(experiment: Experiment, *, overrides: Sequence[str], data_dev: Path | None = None) -> Plan:
    """Return the runs of an experiment; variants that differ only in their thresholds share runs.

    Args:
        experiment: The experiment.
        overrides: `section.key=value` strings for all runs.
        data_dev: Replaces `data.dev` of the configuration.

    Raises:
        AtlopError: The configuration of a variant is not valid; names the variant.
    """
    dev = {} if data_dev is None else {"data.dev": str(data_dev)}
    shared = [*_as_overrides(experiment.set), *overrides]
    experiment = _with_rows(experiment)
    runs: list[PlannedRun] = []
    rows: dict[str, tuple[PlannedRun, ...]] = {}
    for seed in experiment.seeds:
        for variant in experiment.variants:
            changes = sorted(_as_overrides(_changes(variant, seed=seed)))
            try:
                config = load_config(experiment.config, overrides=[*shared, *changes, *_as_overrides(dev)])
            except AtlopError as error:
                raise AtlopError(f'variant "{variant.name}": {error}') from None
            config = _with_small_batches(config)
            run = next((run for run in runs if run.config == config), None)
            if run is None:
                run = PlannedRun(_folder_name(changes), seed=seed, config=config)
                runs.append(run)
            rows[variant.name] = (*rows.get(variant.name, ()), run)
    completed = {
        run.name: replace(
            run, readings=frozenset(each.reading for each in experiment.variants if run in rows[each.name])
        )
        for run in runs
    }
    return Plan(
        experiment,
        base=load_config(experiment.config, overrides=shared),
        runs=tuple(completed.values()),
        rows={name: tuple(completed[run.name] for run in each) for name, each in rows.items()},
    )


def _with_rows(experiment: Experiment) -> Experiment:
    """Return an experiment with a variant for each size of each of its variants."""
    if not experiment.sizes:
        return experiment
    rows = [
        variant.model_copy(
            update={
                "name": f"{variant.name}, {size:,} document{'s' * (size > 1)}",
                "table": ": ".join(filter(None, (variant.table, variant.name))),
                "size": size,
            }
        )
        for variant in experiment.variants
        for size in experiment.sizes
    ]
    return experiment.model_copy(update={"variants": tuple(rows), "sizes": ()})


def _changes(variant: Variant, *, seed: int) -> dict[str, Any]:
    """Return the changes to the base of a variant's run."""
    size = {} if variant.size is None else {"data.train_documents": variant.size}
    return {**variant.set, **size, "trainer.seed": seed}


def _with_small_batches(config: RunConfig) -> RunConfig:
    """Return a configuration whose batches hold no more documents than it trains on."""
    size, trainer = config.data.train_documents, config.trainer
    if size is None or size >= trainer.batch_size:
        return config
    return config.model_copy(update={"trainer": trainer.model_copy(update={"batch_size": size})})


def _as_overrides(values: dict[str, Any]) -> list[str]:
    """Return `section.key=value` strings with TOML values."""
    return [f"{key}={tomli_w.dumps({'value': value}).partition('=')[2].strip()}" for key, value in values.items()]


def _folder_name(changes: Sequence[str]) -> str:
    """Return a readable form of the changes and a digest that makes it unique."""
    readable = re.sub(r"[^\w.=,+-]+", "_", ",".join(change.replace('"', "") for change in changes))
    return f"{readable[:100]}-{sha256(repr(changes).encode()).hexdigest()[:6]}"
