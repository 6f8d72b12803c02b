"""A model folder says where the model comes from and how to use it."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from transformers.pipelines import SUPPORTED_TASKS

from atlop.corpora import published_corpora
from atlop.model_folder import FinishedRun, save_model, write_card
from atlop.model_folder.card import licence_of, set_licence
from tests.golden_values import golden_model, golden_tokenizer

BEST = {"f1": 0.585606, "ign_f1": None, "precision": 0.7197, "recall": 0.4936}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run, as its folder has it."""
    folder = tmp_path / "first"
    folder.mkdir()
    model = golden_model("bert")
    assert model.config.encoder is not None
    model.config.encoder["_name_or_path"] = "allenai/scibert_scivocab_cased"
    save_model(folder / "best", model=model, tokenizer=golden_tokenizer("bert"))
    (folder / "config.toml").write_text(
        '[data]\ntrain = "/somewhere/secret/train.json"\ndev = "/somewhere/secret/dev.json"\n'
        '[encoder]\nname = "allenai/scibert_scivocab_cased"\n'
        '[distillation]\nteachers = ["/somewhere/secret/teacher"]\n',
        encoding="utf-8",
    )
    summary = {
        "best": BEST,
        "last": BEST | {"f1": 0.5712},
        "best_intervals": {"f1": [0.5685, 0.6028], "ign_f1": [0.0, 0.0]},
        "steps": 1984,
        "seconds": 1814,
        "train": {"documents": 992},
        "dev": {"documents": 500},
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    environment = {
        "run": "1",
        "python": "3.11.0",
        "code_sha256": "ef" * 32,
        "packages": {"atlop": "0.1.0"},
        "data_sha256": {"/somewhere/secret/train.json": "ab" * 32, "/somewhere/secret/dev.json": "cd" * 32},
    }
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    return folder


def finished(run: Path, *, model: str = "best") -> FinishedRun:
    return FinishedRun(run, json.loads((run / "summary.json").read_text(encoding="utf-8")), model=model)


def test_the_card_of_a_run_says_what_it_was_trained_on_and_what_it_scores(run: Path) -> None:
    write_card(run / "best", run=finished(run))

    text = (run / "best" / "README.md").read_text(encoding="utf-8")
    assert "| best epoch | 58.56 (56.85 to 60.28) | – | 71.97 | 49.36 |" in text
    assert f"| `train.json` | `{'ab' * 32}` |" in text
    assert "992 documents, 1,984 steps; atlop 0.1.0." in text
    assert "# ATLOP with scibert_scivocab_cased, trained on train.json" in text
    assert "[allenai/scibert_scivocab_cased](https://huggingface.co/allenai/scibert_scivocab_cased)" in text
    assert 'name = "allenai/scibert_scivocab_cased"' in text
    assert "P17" in text
    assert "/somewhere" not in text


def test_the_card_of_the_last_epoch_has_its_own_scores(run: Path) -> None:
    (run / "best").rename(run / "last")
    write_card(run / "last", run=finished(run, model="last"))

    card = ModelCard.load(run / "last" / "README.md")
    assert "| last epoch | 57.12 | – | 71.97 | 49.36 |" in card.text
    assert "chosen" not in card.text
    assert [result.metric_value for result in card.data.eval_results] == [57.12]


def test_the_hub_reads_the_scores_of_a_card(run: Path) -> None:
    write_card(run / "best", run=finished(run))

    data = ModelCard.load(run / "best" / "README.md").data
    assert (data.license, data.library_name) == ("unknown", "atlop")
    [result] = data.eval_results
    assert (result.metric_name, result.metric_value, result.dataset_name) == ("F1", 58.56, "dev.json")


def test_the_hub_learns_encoder_task_corpus_and_language(run: Path) -> None:
    [train, *_] = published_corpora()["docred"].files
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    environment["data_sha256"]["/somewhere/secret/train.json"] = train.checksum.sha256
    (run / "environment.json").write_text(json.dumps(environment), encoding="utf-8")

    write_card(run / "best", run=finished(run))

    card = ModelCard.load(run / "best" / "README.md")
    assert (card.data.base_model, card.data.datasets, card.data.language) == (
        *("allenai/scibert_scivocab_cased", ["thunlp/docred"], "en"),
    )
    assert "# ATLOP with scibert_scivocab_cased, trained on DocRED" in card.text
    assert card.data.model_name == "ATLOP with scibert_scivocab_cased, trained on DocRED"
    for name in (card.data.base_model, *card.data.datasets):
        validate_repo_id(name)
    assert card.data.pipeline_tag in SUPPORTED_TASKS


@pytest.mark.parametrize("name", ["/models/mine", "./mine", "a/b/c", "", None])
def test_an_encoder_from_a_folder_is_no_base_model(name: str | None, run: Path) -> None:
    config = json.loads((run / "best" / "config.json").read_text(encoding="utf-8"))
    config["encoder"]["_name_or_path"] = name
    (run / "best" / "config.json").write_text(json.dumps(config), encoding="utf-8")

    write_card(run / "best", run=finished(run))

    data = ModelCard.load(run / "best" / "README.md").data
    assert (data.base_model, data.datasets, data.language) == (None, None, None)
    assert "/models" not in (run / "best" / "README.md").read_text(encoding="utf-8")


def test_a_model_without_a_run_has_a_card_without_scores(run: Path) -> None:
    write_card(run / "best")

    text = (run / "best" / "README.md").read_text(encoding="utf-8")
    assert "Unknown: the weights were trained elsewhere and imported." in text
    assert "F1" not in text


def test_the_card_of_a_model_that_reads_types_says_so(run: Path) -> None:
    write_card(run / "best")
    assert "reads the types" not in (run / "best" / "README.md").read_text(encoding="utf-8")
    path = run / "best" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["sections"]["preprocessing"]["markers"] = "typed"
    path.write_text(json.dumps(config), encoding="utf-8")
    write_card(run / "best")
    assert "- It reads the types of entities" in (run / "best" / "README.md").read_text(encoding="utf-8")


def test_the_licence_can_be_named(run: Path) -> None:
    write_card(run / "best", run=finished(run))
    before = (run / "best" / "README.md").read_text(encoding="utf-8")
    assert licence_of(run / "best") == "unknown"

    set_licence(run / "best", "mit")

    assert licence_of(run / "best") == "mit"
    after = (run / "best" / "README.md").read_text(encoding="utf-8")
    assert after.replace("license: mit", "license: unknown") == before
