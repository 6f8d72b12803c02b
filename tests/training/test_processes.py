"""Two processes train as one does: the same losses, gradients and scores, and one record."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    EncodingConfig,
    OptimizerConfig,
    RunConfig,
    TrainerConfig,
    dump_config,
)
from atlop.training import train


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.long
def test_two_processes_train_like_one(tiny_encoder: Path, golden: Path, tmp_path: Path) -> None:
    data = DataConfig(train=golden / "documents.json", dev=golden / "documents.json", relations=golden / "rel2id.json")
    config = RunConfig(
        data=data,
        encoder=EncoderConfig(name=str(tiny_encoder)),
        encoding=EncodingConfig(max_length=600),
        classifier=ClassifierConfig(representation_size=32, block_size=8),
        optimizer=OptimizerConfig(encoder_learning_rate=1e-3, new_layers_learning_rate=1e-2),
        trainer=TrainerConfig(epochs=2, batch_size=2, gradient_accumulation=2, precision="float32"),
    )
    (tmp_path / "config.toml").write_text(dump_config(config), encoding="utf-8")
    train(config, output=tmp_path / "one", show_progress=False)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "atlop", "train"]
    finished = subprocess.run(
        [sys.executable, *command, str(tmp_path / "config.toml"), "--output", str(tmp_path / "two")],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    one, two = lines_of(tmp_path / "one"), lines_of(tmp_path / "two")
    assert [set(line) for line in one] == [set(line) for line in two]
    for expected, found in zip(one, two, strict=True):
        assert (found["update"], found["epoch"]) == (expected["update"], expected["epoch"])
        for key in {"loss", "gradient_norm", "new_layers_learning_rate"} & set(expected):
            assert found[key] == pytest.approx(expected[key], rel=1e-4), f"update {expected['update']}: {key}"
        if "dev" in expected:
            assert found["dev"]["submitted"] == pytest.approx(expected["dev"]["submitted"], abs=2)
