"""Random states survive JSON."""

import json
import random
from dataclasses import replace

import numpy as np
import torch

from atlop.config import OptimizerConfig
from atlop.device import accelerator_for
from atlop.training.state import TrainState
from tests.golden_values import golden_model


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
    state = TrainState(golden_model("bert"), accelerator=accelerator_for("float32"), config=OptimizerConfig(), steps=10)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    drawn()
    kept = state.checkpoint()
    kept = replace(kept, values=json.loads(json.dumps(kept.values)))
    expected = [drawn(), drawn()]
    random.seed(2)
    np.random.seed(2)
    torch.manual_seed(2)
    assert drawn() != expected[0]
    state.restore(kept)
    assert [drawn(), drawn()] == expected
