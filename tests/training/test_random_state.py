"""Random states survive JSON: the same numbers come again."""

import json
import random

import numpy as np
import torch

from atlop.training.random_state import random_state, restore_random_state


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
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    drawn()
    kept = json.loads(json.dumps(random_state()))
    expected = [drawn(), drawn()]
    random.seed(2)
    np.random.seed(2)
    torch.manual_seed(2)
    assert drawn() != expected[0]
    restore_random_state(kept)
    assert [drawn(), drawn()] == expected
