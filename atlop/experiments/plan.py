"""An experiment's TOML file to the runs that it needs: every variant with every seed, alike ones once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError

from atlop.config import RunConfig, Section, find_config, load_config
from atlop.decoding import Rule
from atlop.errors import AtlopError
from atlop.files import read_toml


class Variant(Section):
    """One row of the table."""

    name: str = Field(min_length=1)
    """What the row is called."""
    set: dict[str, Any] = Field({})
    """What its configuration changes: `section.key` and value."""
    calibration: Rule | None = None
    """Thresholds that are chosen after training; without it, the objective's own rule decides."""
    published: dict[str, float] = Field({})
    """Published `f1` and `ign_f1`, in percent."""


class Experiment(Section):
    """Variants of one configuration, trained with the same seeds and scored on the same documents."""

    title: str = Field(min_length=1)
    """What the table is called."""
    config: str
    """The configuration that all variants start from: a file, or the name of a shipped one."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds of each variant's runs."""
    set: dict[str, Any] = Field({})
    """What all variants change: `section.key` and value."""
    variants: tuple[Variant, ...] = Field(min_length=1)
    """Rows of the table; the others are compared with the first."""
    scored: Path | None = None
    """Labelled documents to score. Without them `data.dev` is parted by chance: one half chooses epochs and thresholds,
    the other is scored."""
    split_seed: int = Field(0, ge=0)
    """Seed of that parting."""
    published: str = ""
    """Where the published numbers come from."""


@dataclass(frozen=True)
class PlannedRun:
    """A training that rows of the table rest on."""

    name: str
    """What its variant sets, and its seed: name of its folder, the same in every experiment of one base."""
    seed: int
    config: RunConfig


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to."""

    experiment: Experiment
    base: RunConfig
    """What all its runs start from."""
    runs: tuple[PlannedRun, ...]
    """Every training once, seed by seed."""
    rows: dict[str, tuple[PlannedRun, ...]]
    """The runs of each variant, one a seed."""


def load_experiment(source: str) -> Experiment:
    """Read an experiment.

    Args:
        source: Path of a TOML file, or the name of a shipped one, such as `experiments/thresholds`.

    Raises:
        AtlopError: There is no such file, it is not TOML, a key or value is wrong, or names of variants repeat.
    """
    path = find_config(source)
    try:
        experiment = Experiment.model_validate(read_toml(path))
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise AtlopError(f"{path}: the experiment is not valid:\n{problems}") from None
    for what, values in (("variant", [each.name for each in experiment.variants]), ("seed", experiment.seeds)):
        if repeated := sorted({str(value) for value in values if list(values).count(value) > 1}):
            raise AtlopError(f"{path}: a {what} comes twice: {', '.join(repeated)}; give each once")
    return experiment


def plan_runs(experiment: Experiment, *, overrides: Sequence[str], data_dev: Path | None = None) -> Plan:
    """Return the runs of an experiment; variants that differ in their thresholds only share theirs.

    Args:
        experiment: The experiment.
        overrides: `section.key=value` each, for all runs.
        data_dev: Documents that choose the epoch, in place of the configuration's.

    Raises:
        AtlopError: The configuration of all or of a variant is wrong; the variant is named.
    """
    dev = {} if data_dev is None else {"data.dev": str(data_dev)}
    of_all = [*_as_overrides(experiment.set), *overrides]
    runs: list[PlannedRun] = []
    rows: dict[str, tuple[PlannedRun, ...]] = {}
    for seed in experiment.seeds:
        for variant in experiment.variants:
            own = sorted(_as_overrides({**variant.set, "trainer.seed": seed}))
            try:
                config = load_config(experiment.config, overrides=[*of_all, *own, *_as_overrides(dev)])
            except AtlopError as error:
                raise AtlopError(f'variant "{variant.name}": {error}') from None
            run = next((each for each in runs if each.config == config), None)
            if run is None:
                run = PlannedRun(_folder_name(own), seed=seed, config=config)
                runs.append(run)
            rows[variant.name] = (*rows.get(variant.name, ()), run)
    return Plan(experiment, base=load_config(experiment.config, overrides=of_all), runs=tuple(runs), rows=rows)


def _as_overrides(values: dict[str, Any]) -> list[str]:
    """Return `section.key=value` with each value in TOML."""
    return [f"{key}={tomli_w.dumps({'value': value}).partition('=')[2].strip()}" for key, value in values.items()]


def _folder_name(changes: Sequence[str]) -> str:
    """Return what is changed, for people, and a digest of it, which tells apart what looks alike."""
    readable = re.sub(r"[^\w.=,+-]+", "_", ",".join(change.replace('"', "") for change in changes))
    return f"{readable[:100]}-{sha256(repr(changes).encode()).hexdigest()[:6]}"
