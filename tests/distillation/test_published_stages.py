"""The published stages run one after the other, on made distant documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop.config_files import load_config
from atlop.training import train
from tests.golden_values import read_golden
from tests.tiny_encoders import save_tiny_encoder


def write_documents(path: Path, *, count: int, keep_each: int) -> Path:
    """Write short golden documents again and again, each with one of every `keep_each` labels."""
    short = [each for each in read_golden("documents.json") if sum(map(len, each["sents"])) < 300]
    documents: list[dict[str, Any]] = []
    for number in range(count):
        document = short[number % len(short)]
        kept = [label for row, label in enumerate(document["labels"]) if (row + number) % keep_each == 0]
        documents.append({**document, "title": f"title {number}", "labels": kept})
    path.write_text(json.dumps(documents), encoding="utf-8")
    return path


@pytest.mark.long
@pytest.mark.parametrize("method", ["kd", "dreeam"])
def test_the_published_stages(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the second and third stage name the folder of the one before
    encoder = save_tiny_encoder(tmp_path / "encoder")
    annotated = write_documents(tmp_path / "annotated.json", count=16, keep_each=1)
    distant = write_documents(tmp_path / "distant.json", count=200, keep_each=3)
    for stage in ("teacher", "student", "finetune"):
        name = f"docred_bert_base_{method}_{stage}"
        config = load_config(
            name,
            overrides=[
                f"data.train={distant if stage == 'student' else annotated}",
                f"data.dev={annotated}",
                f"data.train_facts={annotated}",
                "data.relation_names=",
                f"encoder.name={encoder}",
                "encoder.layers_averaged=2",  # it has no third
                "classifier.representation_size=32",
                "classifier.block_size=8",
                "trainer.epochs=1",
                "preprocessing.max_length=100",
                "trainer.precision=float32",
            ],
        )
        summary = train(config, output=Path("runs") / name, show_progress=False)
        assert summary["train"]["documents"] == (200 if stage == "student" else 16)
        assert {"precision", "recall"} <= set(summary["best"])
