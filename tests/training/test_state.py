"""Random states survive JSON, progress knows the best scores, and a checkpoint is the one that others read."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from atlop.config import DataConfig, EncoderConfig, OptimizerConfig, RunConfig
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.evaluation import official_scores
from atlop.run_folder import Logged
from atlop.trained_weights import TrainedWeights
from atlop.training.checkpoint import Checkpoints, Progress, Values
from atlop.training.state import TrainState
from tests.golden_values import golden_model
from tests.made_documents import document

OF_A_RUN: dict[str, Any] = {
    "metrics": Logged(0, ""),
    "config": RunConfig(data=DataConfig(train=Path("a"), dev=Path("b")), encoder=EncoderConfig(name="c")),
}
"""What a checkpoint holds of its run."""


def drawn() -> list[object]:
    return [
        random.random(),
        random.gauss(),
        np.random.rand(3).tolist(),
        np.random.randn(3).tolist(),
        torch.rand(3).tolist(),
        torch.randn(17).tolist(),
    ]


def test_every_generator_goes_on_where_it_was() -> None:
    accelerator = accelerator_for("float32")
    weights = TrainedWeights(golden_model("bert"), accelerator=accelerator)
    state = TrainState(weights, accelerator=accelerator, config=OptimizerConfig(), steps=10)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    drawn()
    kept = state.checkpoint(**OF_A_RUN)
    kept = replace(kept, values=TypeAdapter(Values).validate_json(TypeAdapter(Values).dump_json(kept.values)))
    expected = [drawn(), drawn()]
    random.seed(2)
    np.random.seed(2)
    torch.manual_seed(2)
    assert drawn() != expected[0]
    state.restore(kept)
    assert [drawn(), drawn()] == expected


def test_without_gold_facts_the_last_model_is_the_best() -> None:
    scores = official_scores([document("Ada left", entities=[], facts=[])], predictions=[()], train_facts=None)
    progress = Progress()

    for progress.step in (1, 2):
        assert progress.record_scores(scores)

    assert (progress.best_step, progress.evaluations_since_best) == (2, 0)
    assert TypeAdapter(Progress).validate_json(TypeAdapter(Progress).dump_json(progress), strict=True) == progress


def test_a_process_that_cannot_read_the_chosen_checkpoint_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    assert checkpoints.read_same(None, check=lambda _: None) is None
    with pytest.raises(AtlopError, match=r"00000003: other processes read this checkpoint, but this one cannot"):
        checkpoints.read_same(tmp_path / "00000003", check=lambda _: None)
