"""Compiled layers compute the same, and are compiled once for any length."""

from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from atlop.errors import AtlopError
from atlop.ops import compile_layers
from tests.golden_values import assert_gradients_equal, golden_batch, golden_model, gradients, objective_in, score
from tests.tiny_encoders import save_tiny_encoder, tiny_model


@pytest.mark.long
def test_compiled_layers_give_equal_scores_and_gradients_for_all_lengths_with_one_compilation() -> None:
    torch._dynamo.reset()
    plain, compiled = golden_model("bert"), golden_model("bert")
    compile_layers(compiled.encoder)
    compilations = []
    for documents in ([0, 1], [2, 6, 3], [5], [4, 0, 1, 2]):  # the third one in several windows
        batch = golden_batch("bert", documents)
        for model in (plain, compiled):
            model.zero_grad()
            scores = score(model, batch)
            (objective_in(model).total(scores, batch.dense_labels(scores.shape[1])) / len(scores)).backward()
        torch.testing.assert_close(score(compiled, batch), score(plain, batch), atol=1e-5, rtol=0)
        assert_gradients_equal(gradients(compiled), gradients(plain))
        compilations.append(counters["stats"]["unique_graphs"])
    assert compilations[0] > 0
    assert len(set(compilations)) == 1


def test_an_encoder_that_reads_padded_inputs_is_not_compiled(tmp_path: Path) -> None:
    model, _ = tiny_model(save_tiny_encoder(tmp_path, kind="deberta-v2"), documents=[0])
    with pytest.raises(AtlopError, match=r"trainer\.compile: an encoder of type 'deberta-v2' cannot be compiled"):
        compile_layers(model.encoder)
