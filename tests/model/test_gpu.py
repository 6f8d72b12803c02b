"""On a GPU: the numbers of the CPU, and a host that waits for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from atlop.device import accelerator_for
from atlop.prediction import predict_facts, score_batches
from atlop.scores import DecisionRule
from tests.devices import needs_gpu
from tests.golden_values import (
    BATCHES,
    assert_gradients_equal,
    each_encoder,
    golden_batch,
    golden_model,
    golden_preprocessed,
    gradients,
    objective_in,
    read_golden,
    score,
)
from tests.test_prediction import facts_one_by_one
from tests.tiny_encoders import each_kind, save_tiny_encoder, tiny_model

pytestmark = needs_gpu
GPU = torch.device("cuda")


def assert_scores_close(found: Tensor, expected: Tensor) -> None:
    """|Δ| ≤ 1e-5 of the largest score, or of 1."""
    torch.testing.assert_close(found, expected, atol=1e-5 * max(1.0, float(expected.abs().max())), rtol=0)


@each_encoder
@pytest.mark.parametrize("batch_name", BATCHES)
def test_scores_loss_and_gradients_are_those_of_the_cpu(name: str, batch_name: str) -> None:
    batch = golden_batch(name, read_golden(f"{name}/expected.json")[batch_name]["documents"])
    assert torch.get_float32_matmul_precision() == "highest"  # no TF32
    found = []
    for device in ("cpu", "cuda"):
        model = golden_model(name)
        if device == "cuda":
            nn.Module.cuda(model)
        there = batch.to(torch.device(device))
        outputs = model(there)
        term = objective_in(model)(outputs, there)
        loss = term.sum / term.count
        loss.backward()
        found_gradients = {key: value.cpu() for key, value in gradients(model).items()}
        found.append((outputs.scores.detach().cpu(), loss.item(), found_gradients))
    assert_scores_close(found[1][0], found[0][0])
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-5)
    assert_gradients_equal(found[1][2], found[0][2])


@each_kind
def test_every_kind_of_encoder_scores_as_on_the_cpu(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=[0, 3, 6])
    with torch.no_grad():
        expected = score(model, batch)
        nn.Module.cuda(model)
        found = score(model, batch.to(GPU)).cpu()
    assert_scores_close(found, expected)


@each_encoder
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_close(name: str, dtype: torch.dtype) -> None:
    batch, model = golden_batch(name, [2, 6, 3]), golden_model(name)
    with torch.no_grad():
        expected = score(model, batch)
        nn.Module.cuda(model)
        with torch.autocast("cuda", dtype=dtype):
            found = score(model, batch.to(GPU)).float().cpu()
    assert (found - expected).norm() < 0.03 * expected.norm()


@pytest.mark.parametrize("training", [False, True])
def test_a_pass_waits_for_nothing(training: bool) -> None:
    model = golden_model("bert").train(training)
    nn.Module.cuda(model)
    objective = objective_in(model)
    batch = golden_batch("bert", [2, 3, 0]).pin_memory()
    for mode in ("default", "error"):  # the first pass sets libraries up
        torch.cuda.set_sync_debug_mode(mode)
        try:
            on_gpu = batch.to(GPU)
            with torch.autocast("cuda", dtype=torch.bfloat16):
                outputs = model(on_gpu)
            objective(outputs, on_gpu).sum.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_prediction_and_its_decision_wait_for_nothing_but_the_copy_of_the_last_batch() -> None:
    model, accelerator = golden_model("bert"), accelerator_for("bf16")
    nn.Module.cuda(model)
    documents = golden_preprocessed("bert")
    undirected = [replace(each, directed=False) for each in documents]
    for mode in ("default", "error"):  # the first pass sets libraries up
        torch.cuda.set_sync_debug_mode(mode)
        try:
            for batches in ([documents[:3], documents[3:]], [undirected], [documents[:3] + undirected[3:]]):
                rule = DecisionRule.from_model(model)
                scored = list(score_batches(model, batches, accelerator=accelerator, rule=rule))
                assert len(scored) == len(documents)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_facts_are_those_of_the_cpu() -> None:
    model, accelerator = golden_model("bert"), accelerator_for("float32")
    expected = facts_one_by_one(model)
    nn.Module.cuda(model)
    assert predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator) == expected
