"""`--dry-run` and `atlop configs` say what a training needs and takes; the shell completes what they name."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from atlop.cli.completion import complete_configuration, complete_experiment, complete_setting
from atlop.config import RunConfig
from atlop.config_files import load_config, shipped_files
from atlop.estimates import estimate_training
from atlop.objectives import OBJECTIVES
from atlop.training import Training, build_training
from tests.test_cli import run, run_apart, values_of
from tests.test_cli_training import CONFIG


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def config(tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    return path


def test_a_dry_run_gives_files_steps_and_cost_and_writes_nothing(config: Path, tmp_path: Path) -> None:
    output, _ = run("train", "tiny.toml", "--dry-run")
    report = json.loads(run("train", "tiny.toml", "--dry-run", "--json")[0])
    run("train", "tiny.toml", "--output", tmp_path / "apart" / "run")

    values, estimate = values_of(output), report["estimate"]
    assert {key: file["exists"] for key, file in report["files"].items()} == {"data.train": True, "data.dev": True}
    assert report["files"]["data.train"]["path"] == str(load_config(str(config)).data.train)
    assert (values["device"], values["precision"]) == ("cpu", "float32")
    assert (values["steps"], values["evaluations"]) == ("4", "2")
    summary = json.loads((tmp_path / "apart" / "run" / "summary.json").read_text(encoding="utf-8"))
    assert estimate["steps"] == summary["steps"]
    assert values["train documents"] == str(summary["train"]["documents"])
    assert 0 < estimate["step_seconds"] < estimate["seconds"]
    assert 1e8 < estimate["memory"] < 1e11
    assert "Estimated from one step on this machine" in output
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.toml", "apart"}


def test_a_dry_run_lists_the_files_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "docred").mkdir(parents=True)
    (tmp_path / "data" / "docred" / "dev.json").write_text("[]")

    output, problem = run("train", "docred_bert_base", "--dry-run", code=2)

    values = values_of(output)
    assert (values["data.train"], values["data.dev"], values["data.relation_names"]) == ("missing", "0.0 kB", "missing")
    assert problem == (
        "atlop: error: data.train: data/docred/train_annotated.json: no such file\n"
        "  data.relation_names: data/docred/rel_info.json: no such file; fetch with `atlop download docred`\n"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["pooling.context=none", "objective.name=none_class_ranking", "objective.parameters.shift=0.05"],
        ["objective.name=positive_unlabelled"],  # depends on the share of each class in the train file
    ],
)
def test_an_estimate_measures_the_training_that_would_be(
    overrides: list[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_config(str(config), overrides=overrides)
    trainings: list[Training] = []

    def recording(config: RunConfig, **options: object) -> Training:
        trainings.append(build_training(config, **options))  # type: ignore[arg-type]
        return trainings[-1]

    monkeypatch.setattr("atlop.estimates.build_training", recording)
    estimate = estimate_training(settings)
    [training] = trainings
    assert training.state.model.config.model.pooling == settings.pooling
    assert training.config == settings
    assert estimate.steps == training.schedule.total


def test_configs_lists_what_is_shipped_with_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    output, _ = run("configs")
    listed = {entry["name"]: entry for entry in json.loads(run("configs", "--json")[0])["configs"]}

    assert list(listed) == list(shipped_files())
    assert all(10 < len(entry["description"]) < 120 for entry in listed.values())
    assert listed["docred_bert_base"]["description"] == "DocRED with BERT-base as published (Zhou et al. 2021)"
    assert listed["docred_bert_base"]["encoder"] == "bert-base-cased"
    assert listed["redocred_minilm"]["download"] == ["atlop download redocred", "atlop download docred"]
    assert listed["docred_bert_base_distant"]["download"][0] == "atlop download docred --files train_distant"
    assert listed["experiments/thresholds"]["runs"] == 5
    assert "docred_bert_base: DocRED with BERT-base as published (Zhou et al. 2021)\n" in output
    assert "  needs data/cdr (missing: see data/README.md), allenai/scibert_scivocab_cased\n" in output
    assert max(map(cell_len, output.splitlines()[1:])) <= 80


def test_data_that_are_here_are_not_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train_filter.data", "dev_filter.data"):
        path = tmp_path / "data" / "cdr" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert "  needs data/cdr, allenai/scibert_scivocab_cased\n" in run("configs")[0]


def test_names_and_settings_are_completed() -> None:
    assert complete_configuration("docred_b")[0] == "docred_bert_base"
    assert not any(name.startswith("experiments") for name in complete_configuration(""))
    assert complete_experiment("thr") == ["thresholds"]
    assert complete_setting("trainer.ep") == ["trainer.epochs="]
    assert complete_setting("objective.name=") == [f"objective.name={name}" for name in OBJECTIVES]
    assert complete_setting("data.train=") == ["data.train="]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("atlop config show gda", "gda_scibert"),
        ("atlop train sample --set trainer.epochs = 3 --set objective.name = balanced", "balanced_softmax"),
    ],
)
def test_bash_completes(words: str, completed: str) -> None:
    output, _ = run_apart(
        *("-c", "from atlop.cli import main; main()"),
        _ATLOP_COMPLETE="complete_bash",
        COMP_WORDS=words.replace(" ", "\n"),
        COMP_CWORD=str(words.count(" ")),
    )
    assert output.split() == [completed]
