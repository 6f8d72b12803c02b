"""A page says where its model comes from, as far as that is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop.decoding import Decision, Fusion
from atlop.model import AtlopConfig
from atlop.report.about import about_model
from tests.golden_values import golden_model

SUMMARY: dict[str, Any] = {
    "best": {"f1": 0.5, "precision": 0.5, "recall": 0.5, "correct": 1, "submitted": 2, "gold": 2, "step": 1488},
    "steps": 1984,
    "seconds": 3660,
}
ENVIRONMENT = {
    "run": "1",
    "python": "3.11.0",
    "code_sha256": "ef" * 32,
    "packages": {"atlop": "0.2.0"},
    "data_sha256": {},
}


@pytest.fixture
def config() -> AtlopConfig:
    config = golden_model("bert").config
    assert config.encoder is not None
    config.encoder["_name_or_path"] = "allenai/scibert_scivocab_cased"
    return config


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is not finished."""
    (tmp_path / "config.toml").write_text(
        '[data]\ntrain = "data/train.json"\ndev = "data/dev.json"\n'
        '[encoder]\nname = "allenai/scibert_scivocab_cased"\n[trainer]\nepochs = 6\nseed = 66\n',
        encoding="utf-8",
    )
    began = {"began": "2026-11-27T07:15:00+00:00"}
    (tmp_path / "environment.json").write_text(json.dumps(ENVIRONMENT | began), encoding="utf-8")
    return tmp_path


def test_a_run_has_its_data_epochs_date_and_time(
    run: Path, config: AtlopConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"documents": 992, "truncation": {"documents": 0, "mentions": 0, "entities": 0, "facts": 0}}
    summary = SUMMARY | {"last": SUMMARY["best"], "train": counts, "dev": counts}
    monkeypatch.setattr("atlop.run_folder.RunFolder.summary", lambda _: summary)

    assert about_model(str(run), config=config, decision=Decision(use="offset", offset=0.25)) == {
        "Encoder": "allenai/scibert_scivocab_cased",
        "Train data": "data/train.json, 992 documents",
        "Epochs": "6; the best model is that of step 1,488 of 1,984",
        "Seed": "66",
        "Training": "begun on 27 November 2026, 61.0 minutes",
        "Objective": "adaptive_thresholding",
        "Decision": "offset: a margin above 0.25",
        "Evidence": "sentences with more than 20% of the localized context",
    }


def test_what_is_not_known_is_left_out(run: Path, config: AtlopConfig) -> None:
    fusion = Decision(use="fusion", fusion=Fusion(weight=1.0, missing=-1.0, threshold=0.5))
    unfinished = about_model(str(run), config=config, decision=Decision(use="plain"))
    model = about_model("some/model", config=config, decision=fusion)

    assert unfinished["Training"] == "begun on 27 November 2026, not finished"
    assert unfinished["Decision"] == "plain: as the objective decides"
    assert list(model) == ["Encoder", "Objective", "Decision", "Evidence"]
    assert model["Decision"] == "fusion: a fused margin above 0.50"
