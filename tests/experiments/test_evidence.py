"""The shipped experiment on evidence runs end to end."""

import csv
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from tests.golden_values import golden_tokenizer
from tests.test_cli import run
from tests.tiny_encoders import tiny_config

DECISIONS = ("plain", "offset", "fusion", "DREEAM's rule")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """Folder of a random BERT of three narrow layers, which can all be averaged."""
    config = tiny_config("bert")
    config.num_hidden_layers = 3
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    golden_tokenizer("bert").save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.long
def test_every_decision_of_every_training_is_a_row(tiny_corpus: Path, encoder: Path, tmp_path: Path) -> None:
    settings = {
        "data.train": tiny_corpus,
        "data.dev": tiny_corpus,
        "data.relations": "",
        "data.relation_names": "",
        "encoder.name": encoder,
        "classifier.representation_size": 32,
        "classifier.block_size": 8,
        "trainer.epochs": 1,
        "trainer.precision": "float32",
    }
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]

    printed, log = run("experiment", "evidence", *changes, "--output", tmp_path / "out")

    with (tmp_path / "out" / "evidence.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    trainings = ("", "evidence: ", "3 layers: ", "evidence, 3 layers: ")
    assert [row[""] for row in rows] == [f"{training}{decision}" for training in trainings for decision in DECISIONS]
    for row in rows:
        for column in ("F1", "Ign F1", "evidence F1", "PosEvi F1"):
            assert re.fullmatch(r"[\d.]+ ± [\d.]+", row[column]), (row[""], column)
    for first in range(0, len(rows), len(DECISIONS)):
        assert len({row["PosEvi F1"] for row in rows[first : first + len(DECISIONS)]}) == 1  # whatever decides
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 12
    assert log.count("pseudo documents a document") == 12 * 2 * 2  # either fusion, on either half of dev
    assert "evidence, 3 layers: DREEAM's rule" in (tmp_path / "out" / "evidence.md").read_text(encoding="utf-8")
    assert printed
