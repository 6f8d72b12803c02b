"""A small run: the contents of its folder, and the errors that keep it from starting."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    ObjectiveConfig,
    OptimizerConfig,
    PreprocessingConfig,
    RunConfig,
    TrainerConfig,
)
from atlop.config_files import dump_config, load_config
from atlop.corpora import read_corpus
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.evaluation import fact_table, mean_scores, official_scores
from atlop.files import file_sha256
from atlop.model_folder import load_model, preprocessor_for
from atlop.prediction import predict_facts
from atlop.schema import CorpusIssues
from atlop.trained_weights import TrainedWeights
from atlop.training import build, train
from atlop.training.state import TrainState

MAX_LENGTH = 60
EPOCHS = 20


def rows() -> list[dict[str, Any]]:
    """Eight documents whose verb determines the relation; the first has a third person after the truncation."""
    documents = []
    for number in range(8):
        verb, relation = (("founded", "P50"), ("criticised", "P17"))[number % 2]
        sentences = [["Lucia", verb, "Dorotea", "."]]
        entities = [[("Lucia", 0, 0)], [("Dorotea", 0, 2)]]
        facts = [(0, 1, relation)]
        if number == 0:
            sentences.append([*["spring"] * 60, "Tomas", "Tomas"])
            entities.append([("Tomas", 1, 60), ("Tomas", 1, 61)])
            facts += [(1, 2, "P27"), (2, 1, "P27"), (2, 0, "P108")]
        mentions = [
            [
                {"name": name, "sent_id": sentence, "pos": [word, word + 1], "type": "PER"}
                for name, sentence, word in entity
            ]
            for entity in entities
        ]
        labels = [{"h": h, "t": t, "r": r, "evidence": [0]} for h, t, r in facts]
        documents.append({"title": f"{number}", "sents": sentences, "vertexSet": mentions, "labels": labels})
    return documents


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "documents.json"
    path.write_text(json.dumps(rows()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def config(tiny_encoder: Path, corpus: Path, golden: Path) -> RunConfig:
    return RunConfig(
        data=DataConfig(train=corpus, dev=corpus, relations=golden / "rel2id.json"),
        encoder=EncoderConfig(name=str(tiny_encoder)),
        preprocessing=PreprocessingConfig(max_length=MAX_LENGTH),
        classifier=ClassifierConfig(representation_size=32, block_size=8),
        optimizer=OptimizerConfig(encoder_learning_rate=1e-3, new_layers_learning_rate=1e-2),
        trainer=TrainerConfig(epochs=EPOCHS, batch_size=2, gradient_accumulation=3, precision="float32"),
    )


@pytest.fixture(scope="module")
def run(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    output = tmp_path_factory.mktemp("runs") / "run"
    train(config, output=output, show_progress=False)
    return output


def read_metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def read_summary(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def test_everything_about_a_run_lies_in_its_folder_and_nothing_else(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "config.toml", "environment.json", "metrics.jsonl", "summary.json", "best", "last",
    }  # fmt: skip
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_the_resolved_configuration_is_written(run: Path, config: RunConfig) -> None:
    assert load_config(str(run / "config.toml")) == config
    assert "weight_decay = 0.0" in (run / "config.toml").read_text(encoding="utf-8")  # a default


def test_the_environment_names_versions_and_data(run: Path, config: RunConfig) -> None:
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["data_sha256"][str(config.data.train)] == file_sha256(config.data.train)
    assert set(environment["data_sha256"]) == {str(config.data.train), str(config.data.relations)}


def test_steps_are_numbered_without_a_gap_and_epochs_end_with_an_evaluation(run: Path) -> None:
    lines = read_metrics(run)
    steps = 2 * EPOCHS  # 8 documents are 4 batches are 2 steps
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, steps + 1))
    evaluated = [(line["step"], line["epoch"]) for line in lines if "dev" in line]
    assert evaluated == [(2 * epoch + 2, epoch) for epoch in range(EPOCHS)]
    assert all(math.isfinite(line["loss"]) for line in lines if "loss" in line)


def test_the_run_learns(run: Path) -> None:
    losses = [line["loss"] for line in read_metrics(run) if "loss" in line]
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    assert read_summary(run)["best"]["f1"] > 0.4


def test_the_summary_holds_best_and_last_scores(run: Path) -> None:
    summary, lines = read_summary(run), read_metrics(run)
    evaluations = [line for line in lines if "dev" in line]
    best = max(evaluations, key=lambda line: line["dev"]["f1"])
    assert summary["best"] == {"step": best["step"], **best["dev"]}
    assert summary["last"] == evaluations[-1]["dev"]
    assert summary["steps"] == 2 * EPOCHS
    assert summary["stopped_early"] is None
    assert summary["seconds"] > 0
    assert summary["best"]["ign_f1"] is not None


def test_what_truncation_costs_is_in_the_summary(run: Path) -> None:
    for split in ("train", "dev"):
        assert read_summary(run)[split] == {
            "documents": 8,
            **CorpusIssues(duplicate_documents=5).counts(),
            "truncation": {"documents": 1, "mentions": 2, "entities": 1, "facts": 3},
        }


def test_truncation_is_reported_when_the_corpus_is_loaded(
    config: RunConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = config.model_copy(update={"trainer": config.trainer.model_copy(update={"epochs": 1})})
    train(short, output=tmp_path / "run", show_progress=False)
    assert "documents.json: 2 mentions truncated in 1 documents" in caplog.text


def test_the_best_is_not_written_over_by_the_last(run: Path) -> None:
    assert read_summary(run)["best"]["step"] < read_summary(run)["steps"]
    best, last = (load_file(run / which / "model.safetensors") for which in ("best", "last"))
    assert set(best) == set(last)
    assert any(not torch.equal(best[name], last[name]) for name in best)


@pytest.mark.parametrize("which", ["best", "last"])
def test_both_models_predict_what_the_evaluation_said(run: Path, corpus: Path, which: str) -> None:
    model, tokenizer = load_model(run / which)
    documents = read_corpus(corpus).documents
    features = list(preprocessor_for(model, tokenizer).preprocess(documents))
    facts = predict_facts(model, features, accelerator=accelerator_for("float32"))
    found = official_scores(documents, predictions=facts, train_facts=None)
    expected = read_summary(run)[which]
    assert (found.f1, found.correct, found.submitted) == (expected["f1"], expected["correct"], expected["submitted"])
    assert found.correct > 0


def test_the_intervals_in_the_summary_are_those_of_the_best_models_facts(run: Path, corpus: Path) -> None:
    documents = read_corpus(corpus).documents
    member = Member(*load_model(run / "best"))
    facts = Ensemble.from_members([member]).predict(documents, accelerator=accelerator_for("float32")).facts
    seen = frozenset(triple for document in documents for triple in document.name_triples())  # dev is train here
    f1, ign_f1 = mean_scores([fact_table(documents, predictions=facts, train_facts=seen)])
    intervals = read_summary(run)["best_intervals"]
    assert intervals == {"f1": [f1.low, f1.high], "ign_f1": [ign_f1.low, ign_f1.high]}
    assert f1.low < read_summary(run)["best"]["f1"] < f1.high


def test_the_same_seed_gives_the_same_metrics(run: Path, config: RunConfig, tmp_path: Path) -> None:
    torch.manual_seed(12345)  # must have no effect
    train(config, output=tmp_path / "again", show_progress=False)

    def without_time(folder: Path) -> list[dict[str, Any]]:
        return [{key: value for key, value in line.items() if key != "seconds"} for line in read_metrics(folder)]

    assert without_time(tmp_path / "again") == without_time(run)


def test_another_seed_gives_other_metrics(run: Path, config: RunConfig, tmp_path: Path) -> None:
    other = config.model_copy(update={"trainer": config.trainer.model_copy(update={"seed": 67, "epochs": 1})})
    train(other, output=tmp_path / "other", show_progress=False)
    assert read_metrics(tmp_path / "other")[0]["loss"] != read_metrics(run)[0]["loss"]


def test_a_second_stage_starts_from_the_weights_of_the_first(config: RunConfig, run: Path, tmp_path: Path) -> None:
    still = OptimizerConfig(encoder_learning_rate=0, new_layers_learning_rate=0)
    trainer = config.trainer.model_copy(update={"epochs": 1, "start_from": str(run / "best")})
    second = config.model_copy(update={"optimizer": still, "trainer": trainer})
    train(second, output=tmp_path / "second", show_progress=False)
    assert read_summary(tmp_path / "second")["best"]["f1"] == read_summary(run)["best"]["f1"]


@pytest.mark.parametrize(
    "objective",
    [
        ObjectiveConfig(name="positive_unlabelled", parameters={"prior_factor": 1.5}),
        ObjectiveConfig(name="none_class_ranking", parameters={"shift": 0.05}, max_relations=2),
        ObjectiveConfig(name="balanced_softmax"),
    ],
    ids=lambda objective: str(objective.name),
)
def test_the_model_folder_decides_by_the_objective_of_the_run(
    objective: ObjectiveConfig, config: RunConfig, corpus: Path, tmp_path: Path
) -> None:
    changed = config.model_copy(update={"objective": objective})
    train(changed, output=tmp_path / "run", show_progress=False)
    assert load_config(str(tmp_path / "run" / "config.toml")).objective == objective
    assert read_summary(tmp_path / "run")["best"]["f1"] > 0.4
    test_both_models_predict_what_the_evaluation_said(tmp_path / "run", corpus, "best")


def test_the_average_of_the_weights_is_evaluated_and_saved(config: RunConfig, corpus: Path, tmp_path: Path) -> None:
    averaged = config.model_copy(update={"trainer": config.trainer.model_copy(update={"ema_decay": 0.5})})
    train(averaged, output=tmp_path / "run", show_progress=False)
    for name in ("best", "last"):
        test_both_models_predict_what_the_evaluation_said(tmp_path / "run", corpus, name)


def test_a_run_in_bf16_with_checkpointing_ends_with_float32_weights(
    config: RunConfig, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointing: list[bool] = []

    class WatchedState(TrainState):
        def __init__(self, weights: TrainedWeights, **arguments: Any):
            super().__init__(weights, **arguments)
            checkpointing.append(weights.evaluated.encoder.is_activation_checkpointing)

    monkeypatch.setattr("atlop.training.build.TrainState", WatchedState)
    changed = config.model_copy(
        update={
            "encoder": config.encoder.model_copy(update={"gradient_checkpointing": True}),
            "trainer": config.trainer.model_copy(update={"precision": "bf16", "epochs": 1}),
        }
    )
    train(changed, output=tmp_path / "run", show_progress=False)
    model, tokenizer = load_model(tmp_path / "run" / "last")
    features = list(preprocessor_for(model, tokenizer).preprocess(read_corpus(corpus).documents[:1]))
    assert model(model.collate(features)).scores.isfinite().all()
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert checkpointing == [True]


def test_a_folder_that_holds_something_is_refused(config: RunConfig, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for existing in (run, tmp_path, tmp_path / "file"):
        before = sorted(existing.rglob("*"))
        with pytest.raises(
            AtlopError, match=r": already exists(; (continue its run|pass another folder)|, and is no folder)"
        ):
            train(config, output=existing, show_progress=False)
        assert sorted(existing.rglob("*")) == before


def test_an_empty_folder_may_be_there(config: RunConfig, tmp_path: Path) -> None:
    short = config.model_copy(update={"trainer": config.trainer.model_copy(update={"epochs": 1})})
    (tmp_path / "run").mkdir()
    assert train(short, output=tmp_path / "run", show_progress=False)["steps"] == 2


def test_a_configuration_may_be_given_by_its_path_and_names_the_run(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = config.model_copy(update={"trainer": config.trainer.model_copy(update={"epochs": 1})})
    (tmp_path / "short.toml").write_text(dump_config(short), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    train("short.toml", show_progress=False)
    assert load_config("runs/short/config.toml") == short
    with pytest.raises(AtlopError, match="a configuration without a name needs `output`"):
        train(short)


def test_a_run_that_cannot_start_leaves_no_folder(config: RunConfig, tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"encoder": EncoderConfig(name="/nowhere/at/all")},
        {"objective": ObjectiveConfig(name="no such objective")},
        {"objective": ObjectiveConfig(name="adaptive_focal", parameters={"gamma": 2.0})},
        {"objective": ObjectiveConfig(name="positive_unlabelled", parameters={"prior_factor": 6.0})},
        {"trainer": config.trainer.model_copy(update={"batch_size": 9})},
        {"classifier": ClassifierConfig(representation_size=32, block_size=7)},
        {"data": config.data.model_copy(update={"dev": Path("/nowhere/dev.json")})},
    ]
    for change in changes:
        with pytest.raises(AtlopError):
            train(config.model_copy(update=change), output=tmp_path / "run", show_progress=False)
        assert not (tmp_path / "run").exists(), change


def test_a_corpus_without_labels_cannot_be_trained_on(config: RunConfig, tmp_path: Path) -> None:
    unlabelled_rows = [{key: value for key, value in row.items() if key != "labels"} for row in rows()]
    (tmp_path / "test.json").write_text(json.dumps(unlabelled_rows), encoding="utf-8")
    unlabelled = config.data.model_copy(update={"train": tmp_path / "test.json"})
    with pytest.raises(AtlopError, match=r"test\.json: has unlabelled documents"):
        train(config.model_copy(update={"data": unlabelled}), output=tmp_path / "run", show_progress=False)


def test_a_sharded_model_is_not_trained_in_fp16(config: RunConfig) -> None:
    trainer = config.trainer.model_copy(update={"sharded": True, "precision": "fp16"})
    with pytest.raises(AtlopError, match=r"trainer\.sharded: .* cannot be trained in fp16"):
        build._check_processes(
            config.model_copy(update={"trainer": trainer}), accelerator=accelerator_for("float32", training=True)
        )


@pytest.mark.parametrize("variable", ["ACCELERATE_GRADIENT_ACCUMULATION_STEPS=4", "ACCELERATE_DYNAMO_BACKEND=INDUCTOR"])
def test_variables_of_another_project_with_accelerate_change_no_weight(
    variable: str, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = config.model_copy(update={"trainer": config.trainer.model_copy(update={"epochs": 1})})
    train(short, output=tmp_path / "alone", show_progress=False)
    monkeypatch.setenv(*variable.split("="))
    train(short, output=tmp_path / "with", show_progress=False)
    alone, beside = (tmp_path / name / "last" / "model.safetensors" for name in ("alone", "with"))
    assert alone.read_bytes() == beside.read_bytes()


def test_accelerates_own_sharding_is_refused_before_anything_is_written(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(AtlopError, match=r"ACCELERATE_USE_FSDP=true: .*trainer\.sharded=true"):
        train(config, output=tmp_path / "run", show_progress=False)
    assert not (tmp_path / "run").exists()
