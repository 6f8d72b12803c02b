"""An experiment is planned as distinct runs."""

from pathlib import Path

import pytest

from atlop.config_files import load_config
from atlop.errors import AtlopError
from atlop.experiments import Plan, load_experiment, plan_runs
from atlop.objectives import objective_by_name

SHIPPED = Path(__file__).parents[2] / "configs" / "experiments"
EXPERIMENT = """
title = "Thresholds"
config = "sample"
seeds = [1, 2]

[set]
"trainer.epochs" = 3

[[variants]]
name = "adaptive"

[[variants]]
name = "adaptive + offset"
decision = "offset"
published = { f1 = 61.27 }

[[variants]]
name = "longer"
set = { "trainer.epochs" = 5, "optimizer.epsilon" = 1e-7, "data.format" = "docred" }
"""


def read_plan(tmp_path: Path, text: str = EXPERIMENT, overrides: tuple[str, ...] = ()) -> Plan:
    path = tmp_path / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    return plan_runs(load_experiment(str(path)), overrides=overrides)


def test_every_variant_has_a_run_for_each_seed(tmp_path: Path) -> None:
    plan = read_plan(tmp_path)
    assert {name: [run.seed for run in runs] for name, runs in plan.rows.items()} == {
        "adaptive": [1, 2],
        "adaptive + offset": [1, 2],
        "longer": [1, 2],
    }
    assert all(run.config.trainer.seed == run.seed for run in plan.runs)


def test_variants_that_differ_in_their_thresholds_only_share_their_runs(tmp_path: Path) -> None:
    plan = read_plan(tmp_path)
    assert [(run.config.trainer.epochs, run.seed) for run in plan.runs] == [(3, 1), (5, 1), (3, 2), (5, 2)]
    assert plan.rows["adaptive"] == plan.rows["adaptive + offset"]


def test_a_variants_changes_override_shared_ones(tmp_path: Path) -> None:
    plan = read_plan(tmp_path, overrides=("trainer.batch_size=2", "trainer.epochs=4"))
    adaptive, longer = plan.rows["adaptive"][0].config, plan.rows["longer"][0].config
    assert (adaptive.trainer.epochs, longer.trainer.epochs) == (4, 5)
    assert adaptive.trainer.batch_size == longer.trainer.batch_size == 2
    assert longer.optimizer.epsilon == 1e-7
    assert longer.data.format == "docred"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"trainer.epochs" = 3', '"trainer.epoch" = 3', 'variant "adaptive".*trainer.epoch: unknown key'),
        ("[1, 2]", "[1, 1]", "duplicate seed: 1"),
        ('name = "longer"', 'name = "adaptive"', "duplicate variant: adaptive"),
        ('decision = "offset"', 'decision = "guess"', r"variants\.1\.decision"),
        ("seeds = [1, 2]", "seeds = []", "seeds: Tuple should have at least 1 item"),
        ("{ f1 = 61.27 }", "{ F1 = 61.27 }", r"variants\.1\.published\.F1: unknown key; did you mean f1\?[^\n]*$"),
        ("{ f1 = 61.27 }", '{ f1 = "high" }', r"variants\.1\.published\.f1"),
        ("title =", "tilte =", r"tilte: unknown key; did you mean title\?"),
        ('config = "sample"', 'config = "simple"', "simple: no such TOML file"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in EXPERIMENT
    with pytest.raises(AtlopError, match=f"(?s){message}"):
        read_plan(tmp_path, EXPERIMENT.replace(old, new))


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.toml")), ids=lambda path: str(path.stem))
def test_every_shipped_experiment_is_found_by_its_name_and_can_be_planned(path: Path) -> None:
    experiment = load_experiment(f"experiments/{path.stem}")
    assert experiment == load_experiment(str(path))
    for run in plan_runs(experiment, overrides=()).runs:
        objective_by_name(run.config.objective.name, parameters=run.config.objective.parameters)


def test_the_paper_has_its_two_tables_beside_the_published_scores() -> None:
    experiment = load_experiment("paper_docred")
    plan = plan_runs(experiment, overrides=())

    assert {variant.table: variant.published.f1 for variant in experiment.variants[::-1]} == {
        "Ablations, BERT-base": 61.09,
        "Main results": 61.09,
    }
    assert all(variant.published.ign_f1 for variant in experiment.variants)
    assert len(plan.runs) == 9 * 5
    assert plan.rows["ATLOP"] == plan.rows["ATLOP, BERT-base"]
    for name, config in (("BERT-base", "docred_bert_base"), ("RoBERTa-large", "docred_roberta_large")):
        run = plan.rows[f"ATLOP, {name}"][0]
        assert run.config == load_config(config, overrides=[f"trainer.seed={run.seed}"])


def test_its_ablations_are_those_of_the_shipped_experiment() -> None:
    paper, small = (load_experiment(name).variants for name in ("paper_docred", "ablations"))

    rows = {variant.name: variant.model_copy(update={"table": ""}) for variant in paper}
    assert [rows[variant.name] for variant in small] == list(small)


def test_rows_that_choose_thresholds_of_one_training_share_it() -> None:
    plan = plan_runs(load_experiment("experiments/thresholds"), overrides=())
    assert len(plan.rows) == 5
    assert len(plan.runs) == 2
