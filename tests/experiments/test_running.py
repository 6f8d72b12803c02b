"""An experiment trains missing runs, resumes after a stop, and then gives the same table."""

import json
import re
import shutil
from pathlib import Path

import pytest

from atlop import sample
from atlop.calibration import CHOOSERS, Candidates
from atlop.calibration.choice import Chooser
from atlop.corpora import read_corpus
from atlop.decoding import Decision, Fusion
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.evaluation import official_scores
from atlop.evaluation.evidence import pair_evidence_counts
from atlop.experiments import (
    ExperimentFolder,
    ExperimentResults,
    RowResult,
    load_experiment,
    plan_runs,
    run_experiment,
)
from atlop.experiments.dreeam import choose_merged
from atlop.experiments.plan import Reading, Variant
from atlop.experiments.running import prepare_plan
from atlop.model_folder import load_model, store_decision
from atlop.training import train
from tests.test_cli import run, values_of
from tests.test_cli_training import CONFIG

EXPERIMENT = """
title = "Two rates"
config = "{config}"
seeds = [1, 2]

[set]
"trainer.epochs" = 1

[[variants]]
name = "slow"

[[variants]]
name = "slow, one threshold"
decision = "offset"

[[variants]]
name = "fast"
set = {{ "optimizer.new_layers_learning_rate" = 1e-2 }}
"""


@pytest.fixture
def source(tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path) -> Path:
    config = tmp_path / "tiny.toml"
    config.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    path = tmp_path / "rates.toml"
    path.write_text(EXPERIMENT.format(config=config), encoding="utf-8")
    return path


def results_in(folder: Path, *, source: Path) -> ExperimentResults:
    return run_experiment(load_experiment(str(source)), folder=folder, show_progress=False)


def test_a_variant_that_cannot_be_trained_is_named_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    source.write_text(
        source.read_text(encoding="utf-8") + '[[variants]]\nname = "max"\nset = {"pooling.mentions" = "max"}'
    )
    with pytest.raises(AtlopError, match=r"pooling\.mentions: 'max' is not known"):
        results_in(tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_a_row_scores_its_best_models_on_the_half_that_chose_nothing(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = results_in(folder, source=source)

    scored, chooses = (read_corpus(folder / f"{name}.jsonl").documents for name in ("scored", "chooses"))
    titles = [{document.title for document in half} for half in (scored, chooses)]
    assert not titles[0] & titles[1]
    assert found.documents == len(scored)
    assert [row.name for row in found.rows] == ["slow", "slow, one threshold", "fast"]
    plan = plan_runs(load_experiment(str(source)), overrides=())
    for row in (found.rows[0], found.rows[2]):
        for run_of_seed, f1 in zip(plan.rows[row.name], row.f1_of_seeds, strict=True):
            model = Ensemble.from_members([Member(*load_model(folder / "runs" / run_of_seed.name / "best"))])
            predicted = model.predict(scored, accelerator=accelerator_for("float32"))
            official = official_scores(scored, predictions=predicted.facts, train_facts=None)
            assert official.f1 == pytest.approx(f1)
            assert official.evidence_f1 == pytest.approx(row.evidence_f1_of_seeds[run_of_seed.seed - 1])
            assert predicted.pair_evidence is not None
            correct, submitted, gold, _ = pair_evidence_counts(scored, predicted.pair_evidence).sum(axis=0)
            pair_f1 = 2 * correct / (submitted + gold)
            assert pair_f1 == pytest.approx(row.pair_evidence_f1_of_seeds[run_of_seed.seed - 1])
        assert row.f1 is not None
        assert row.f1.value == pytest.approx(sum(row.f1_of_seeds) / 2)
    assert found.rows[0].difference is None
    first, *_, last = (row.f1 for row in found.rows)
    assert first is not None
    assert last is not None
    difference = found.rows[2].difference
    assert difference is not None
    assert difference.difference == pytest.approx(last.value - first.value)


def test_a_row_that_decides_by_fusion_shares_the_training_and_scores_pseudo_documents(
    source: Path, tmp_path: Path
) -> None:
    text = source.read_text(encoding="utf-8").replace("seeds = [1, 2]", "seeds = [1]")
    for name, decision in (("fused", "fusion"), ("as DREEAM", "dreeam")):
        text += f'[[variants]]\nname = "{name}"\ndecision = "{decision}"\n'
    source.write_text(text, encoding="utf-8")
    folder = tmp_path / "out"

    found = results_in(folder, source=source)

    plan = plan_runs(load_experiment(str(source)), overrides=())
    [run] = plan.rows["fused"]
    assert [run] == [*plan.rows["slow"]] == [*plan.rows["as DREEAM"]]
    assert [each.readings for each in plan.runs] == [{"whole", "fused", "dreeam"}, {"whole"}]
    rows: tuple[tuple[Reading, Chooser, RowResult], ...] = (
        ("fused", CHOOSERS["fusion"], found.rows[-2]),
        ("dreeam", choose_merged, found.rows[-1]),
    )
    for reading, choose, row in rows:
        paths = [
            ExperimentFolder(folder).candidates(run, split=split, reading=reading) for split in ("chooses", "scored")
        ]
        chooses, scored = map(Candidates.load, paths)
        assert (scored.pseudo_margin is not None) == (reading == "fused")
        accepted = scored.accepted(choose(chooses))
        assert list(row.f1_of_seeds) == pytest.approx([scored.f1(accepted)])


def test_a_stop_leaves_a_table_of_the_runs_so_far(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = source.read_text(encoding="utf-8").replace('name = "fast"', 'name = "fast"\npublished = { f1 = 61.27 }')
    source.write_text(text, encoding="utf-8")
    trained: list[Path] = []

    def train_and_stop(config: object, *, output: Path, **options: bool) -> object:
        if trained:
            raise KeyboardInterrupt
        trained.append(output)
        return train(config, output=output, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("atlop.experiments.running.train", train_and_stop)
    tables: list[ExperimentResults] = []
    with pytest.raises(KeyboardInterrupt):
        run_experiment(
            load_experiment(str(source)), folder=tmp_path / "out", show_progress=False, on_results=tables.append
        )

    before, after = tables
    assert [row.f1 for row in before.rows] == [None, None, None]
    assert [len(row.f1_of_seeds) for row in after.rows] == [1, 1, 0]
    assert after.rows[0].f1 is not None
    assert after.rows[1].difference is not None
    assert (after.rows[2].f1, after.rows[2].published) == (None, {"f1": 61.27})


def test_what_was_stopped_goes_on_and_nothing_finished_is_trained_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = results_in(tmp_path / "whole", source=source)
    trained: list[str] = []

    def train_and_stop(config: object, *, output: Path, **options: bool) -> object:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(output.name)
        return train(config, output=output, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("atlop.experiments.running.train", train_and_stop)
    with pytest.raises(KeyboardInterrupt):
        results_in(tmp_path / "cut", source=source)
    before = list(trained)
    trained.clear()
    assert results_in(tmp_path / "cut", source=source) == whole
    runs = plan_runs(load_experiment(str(source)), overrides=()).runs
    assert sorted(before + trained) == sorted(run.name for run in runs)
    trained.clear()
    assert results_in(tmp_path / "cut", source=source) == whole
    assert not trained

    other = tmp_path / "other.toml"
    other.write_text(EXPERIMENT.replace("slow", "as it is").format(config=tmp_path / "tiny.toml"), encoding="utf-8")
    assert [row.f1 for row in results_in(tmp_path / "cut", source=other).rows] == [row.f1 for row in whole.rows]
    assert not trained, "experiments of one base share their runs"


def test_a_folder_with_runs_of_another_base_is_refused(source: Path, tmp_path: Path) -> None:
    folder, experiment = ExperimentFolder(tmp_path / "out"), load_experiment(str(source))
    folder.record_base(plan_runs(experiment, overrides=()))
    folder.record_base(plan_runs(experiment.model_copy(update={"seeds": (3,)}), overrides=()))
    for changed, overrides, differs in (
        (experiment.model_copy(update={"split_seed": 5}), (), "split_seed"),
        (experiment.model_copy(update={"scored": source}), (), "sha256 of scored"),
        (experiment, ("trainer.epochs=2", "trainer.batch_size=1"), "trainer.batch_size, trainer.epochs"),
    ):
        with pytest.raises(AtlopError, match=f"runs with different {differs}; use another folder"):
            folder.record_base(plan_runs(changed, overrides=overrides))


def test_changed_documents_or_models_that_runs_began_with_are_refused(
    source: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    train_file, start = tmp_path / "train.json", tmp_path / "start"
    shutil.copyfile(tiny_corpus, train_file)
    shutil.copytree(sample.MODEL, start)
    folder, experiment, overrides = (
        ExperimentFolder(tmp_path / "out"),
        load_experiment(str(source)),
        [f"data.train={train_file}"],
    )
    started = Variant(name="started", set={"trainer.start_from": str(start)})
    plans = {
        str(path): plan_runs(experiment.model_copy(update={"variants": variants}), overrides=overrides)
        for path, variants in ((train_file, experiment.variants), (start, (started,)))
    }
    for plan in (*plans.values(), *plans.values()):
        folder.record_base(plan)

    store_decision(start, Decision(use="offset", offset=0.5))  # on which no score depends
    folder.record_base(plans[str(start)])
    for changed in (start / "model.safetensors", train_file):
        changed.write_bytes(changed.read_bytes() + b"\n")
        whole = start if changed.parent == start else train_file
        with pytest.raises(AtlopError, match=rf"^{re.escape(str(whole))}: has changed since runs in .*; restore it"):
            folder.record_base(plans[str(whole)])


def test_changed_teachers_documents_or_words_are_refused(source: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    more, words, margins = tmp_path / "more.json", tmp_path / "words.json", tmp_path / "margins"
    shutil.copyfile(tiny_corpus, more)
    margins.mkdir()
    for path in (words, margins / "train.json"):
        path.write_text("{}", encoding="utf-8")
    shutil.copytree(sample.MODEL, tmp_path / "teacher")
    taught = {"distillation.teachers": [str(tmp_path / "teacher")], "distillation.unlabelled": str(more)}
    named = {"classifier.kind": "labels", "data.relation_names": str(words), "distillation.margins": str(margins)}
    variants = (Variant(name="taught", set=taught), Variant(name="named", set=named))
    plan = plan_runs(load_experiment(str(source)).model_copy(update={"variants": variants}), overrides=())
    folder = ExperimentFolder(tmp_path / "out")
    folder.record_base(plan)

    for changed in (more, words, margins / "train.json", tmp_path / "teacher" / "model.safetensors"):
        before = changed.read_bytes()
        changed.write_bytes(before + b"\n")
        with pytest.raises(AtlopError, match=r": has changed since runs in .*; restore it"):
            folder.record_base(plan)
        changed.write_bytes(before)
    folder.record_base(plan)


def test_a_decision_that_is_stored_in_a_run_changes_no_row(source: Path, tmp_path: Path) -> None:
    folder, plan = ExperimentFolder(tmp_path / "out"), plan_runs(load_experiment(str(source)), overrides=())
    results_in(folder.path, source=source)
    run = plan.runs[0]
    [reading] = run.readings
    path = folder.candidates(run, split="scored", reading=reading)
    before = path.read_bytes()
    fusion = Fusion(weight=1.0, missing=-1.0, threshold=0.5)
    store_decision(folder.run(run) / "best", Decision(use="fusion", fusion=fusion, evidence_threshold=0.9))

    path.unlink()
    results_in(folder.path, source=source)

    assert path.read_bytes() == before


def test_a_start_that_does_not_fit_is_refused_before_the_first_training(source: Path, tmp_path: Path) -> None:
    source.write_text(
        source.read_text(encoding="utf-8")
        + f'[[variants]]\nname = "more"\nset = {{"trainer.start_from" = "{sample.MODEL}"}}'
    )
    with pytest.raises(AtlopError, match=r"trainer\.start_from: .* has another encoder or other sizes"):
        results_in(tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_a_folder_from_before_a_setting_existed_holds_its_default(source: Path, tmp_path: Path) -> None:
    folder, experiment = ExperimentFolder(tmp_path / "out"), load_experiment(str(source))
    folder.record_base(plan_runs(experiment, overrides=()))
    base = tmp_path / "out" / "base.json"
    older = json.loads(base.read_text(encoding="utf-8"))
    del older["trainer.sharded"], older["heads"]
    base.write_text(json.dumps(older), encoding="utf-8")
    folder.record_base(plan_runs(experiment, overrides=()))
    with pytest.raises(AtlopError, match=r"runs with different trainer\.sharded; "):
        folder.record_base(plan_runs(experiment, overrides=("trainer.sharded=true",)))
    with pytest.raises(AtlopError, match=r"runs with different heads\.any, objective"):
        folder.record_base(plan_runs(experiment, overrides=("heads.any={}", "objective.parameters.shift=0.5")))


def test_a_folder_whose_runs_began_in_a_named_precision_goes_on_where_it_is_automatic(
    source: Path, tmp_path: Path
) -> None:
    folder, experiment = ExperimentFolder(tmp_path / "out"), load_experiment(str(source))
    folder.record_base(plan_runs(experiment, overrides=("trainer.precision=bf16",)))
    plan, _ = prepare_plan(experiment, folder=folder, overrides=("trainer.precision=auto",))
    assert {run.config.trainer.precision for run in plan.runs} == {"bf16"}
    with pytest.raises(AtlopError, match=r"runs with different trainer\.precision; "):
        folder.record_base(plan_runs(experiment, overrides=("trainer.precision=float32",)))


def test_the_command_lists_runs_trains_them_and_prints_the_table(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    names = [run.name for run in plan_runs(load_experiment(str(source)), overrides=()).runs]
    listed, _ = run("experiment", source, "--output", folder, "--dry-run")
    assert [values_of(listed)[name] for name in names] == ["not started"] * 4
    assert "4 of 4 runs are left: 8 steps, " in listed
    assert not folder.exists()

    printed, _ = run("experiment", source, "--output", folder)
    assert re.search("^slow, one threshold .*[0-9]$", printed, re.MULTILINE)
    assert "| slow, one threshold" in (folder / "rates.md").read_text(encoding="utf-8")
    found = json.loads(run("experiment", source, "--output", folder, "--json")[0])
    assert len(found["rows"][0]["f1_of_seeds"]) == 2
    listed, _ = run("experiment", source, "--output", folder, "--dry-run")
    assert [values_of(listed)[name] for name in names] == ["scored"] * 4
    assert "0 of 4 runs are left: 0 steps" in listed
    problem = run("experiment", source, "--output", folder, "--dry-run", "--set", "trainer.epochs=2", code=2)[1]
    assert "has runs with different trainer.epochs" in problem
