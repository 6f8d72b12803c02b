"""Captured passes of an encoder compute what eager ones compute, and batches of similar size share them."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import torch
from torch import Tensor

from atlop.model import AtlopModel, Head
from atlop.ops import CapturedEncoder, attention, graphs
from atlop.ops.encoder import run_packed
from atlop.preprocessing import Batch
from tests.devices import needs_gpu
from tests.golden_values import golden_batch, golden_model, gradients, objective_in, score
from tests.ops.recorded_graphs import RecordedGraphs, attention_from_boundaries
from tests.tiny_encoders import save_tiny_encoder, tiny_model

Result = TypeVar("Result")

BATCHES = [[0, 1], [1, 0], [2, 6, 3], [5], [0, 1]]
"""The first two share graphs, which serve again after others were captured; one batch has several windows."""

DEVICES = [pytest.param("cpu"), pytest.param("cuda", marks=needs_gpu)]
TOLERANCES = {None: 1e-4, torch.bfloat16: 0.03, torch.float16: 0.01}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "cpu":
        monkeypatch.setattr(attention, "packed_attention", attention_from_boundaries)
    return str(request.param)


def captured(model: AtlopModel, device: str) -> CapturedEncoder:
    """Move a model to the device, and capture its encoder there."""
    torch.nn.Module.to(model, device)
    encoder = CapturedEncoder(model.encoder, backend=RecordedGraphs() if device == "cpu" else None)
    model.run_encoder = encoder
    return encoder


def backward(model: AtlopModel, batch: Batch, *, device: str, dtype: torch.dtype | None = None) -> Tensor:
    """Add a batch's gradients; return its scores."""
    batch = batch.to(torch.device(device))
    with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
        outputs = model(batch)
    loss, evidence = objective_in(model)(outputs, batch).sum, cast(Head, model.heads["evidence"])
    if evidence.weight:
        loss = loss + evidence.loss(outputs, batch).sum
    loss.backward()
    scores: Tensor = outputs.scores.detach()
    return scores


@pytest.mark.parametrize(
    ("dtype", "layers_averaged"),
    [
        (None, 1),
        (None, 2),
        pytest.param(torch.bfloat16, 1, marks=pytest.mark.long),  # slow without bf16 in the CPU
        (torch.float16, 1),
    ],
    ids=str,
)
def test_scores_and_summed_gradients_are_those_of_eager_mode(
    device: str, dtype: torch.dtype | None, layers_averaged: int
) -> None:
    if device == "cpu" and dtype == torch.float16:
        pytest.skip("a CPU trains in bf16")
    eager, model = golden_model("bert").train(), golden_model("bert").train()
    torch.nn.Module.to(eager, device)
    eager._layers_averaged = model._layers_averaged = layers_averaged
    for each in (eager, model):
        cast(
            Head, each.heads["evidence"]
        ).weight = 0.1  # through the attention, whose queries and keys the graphs return
    captured(model, device)
    for documents in BATCHES:
        for each in (eager, model):
            each.zero_grad(set_to_none=documents != [1, 0])  # both ways of clearing gradients
        for _ in range(2):
            expected = backward(eager, golden_batch("bert", documents), device=device, dtype=dtype)
            found = backward(model, golden_batch("bert", documents), device=device, dtype=dtype)
        tolerance = TOLERANCES[dtype]
        assert (found - expected).norm() <= (tolerance if dtype else 1e-5) * expected.norm()
        ours, theirs = gradients(model), gradients(eager)
        assert set(theirs) <= set(ours)
        overall = torch.stack([grad.norm() for grad in theirs.values()]).norm()
        for name, grad in theirs.items():
            assert (ours[name] - grad).norm() <= tolerance * (grad.norm() + overall / 10), name


def test_batches_of_similar_size_share_graphs(device: str) -> None:
    model = golden_model("bert").train()
    encoder = captured(model, device)
    for documents in ([0, 1], [1, 0], [0, 1]):
        backward(model, golden_batch("bert", documents), device=device)
    assert len(encoder._graphs) == 1


def test_evaluation_is_not_captured(device: str) -> None:
    model, eager = golden_model("bert"), golden_model("bert")
    encoder = captured(model, device)
    torch.nn.Module.to(eager, device)
    batch = golden_batch("bert", [0, 1]).to(torch.device(device))
    with torch.no_grad():
        assert torch.equal(score(model, batch), score(eager, batch))
        score(model.train(), batch)
    assert not encoder._graphs


def test_a_pass_in_several_windows_and_one_without_pairs_are_captured(device: str) -> None:
    eager, model = golden_model("roberta").train(), golden_model("roberta").train()
    torch.nn.Module.to(eager, device)
    captured(model, device)
    for documents in ([5], [7], [0]):
        expected = backward(eager, golden_batch("roberta", documents), device=device)
        found = backward(model, golden_batch("roberta", documents), device=device)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_dropout_is_drawn_anew_from_the_seed_and_capturing_draws_none(tmp_path: Path, device: str) -> None:
    if device == "cpu":
        pytest.skip("the stand-in repeats the numbers that were drawn when it recorded")
    model, batch = tiny_model(save_tiny_encoder(tmp_path, dropout=0.1), documents=[0, 1])
    model.train()
    captured(model, device)
    scores = []
    for seed in (1, None, 1):  # the first one captures
        if seed is not None:
            torch.manual_seed(seed)
        scores.append(backward(model, batch, device=device))
    assert not torch.equal(scores[0], scores[1])
    torch.testing.assert_close(scores[0], scores[2], atol=0, rtol=0)


def test_random_numbers_are_those_of_a_run_in_which_nothing_is_captured(tmp_path: Path, device: str) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path), documents=[0, 1])
    captured(model.train(), device)
    torch.manual_seed(3)
    expected = torch.rand(4, device=device)
    torch.manual_seed(3)
    backward(model, batch, device=device)
    assert torch.equal(torch.rand(4, device=device), expected)


def test_what_cannot_be_captured_runs_without_graphs_and_one_line_says_so(
    device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Any, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    eager, model = golden_model("bert").train(), golden_model("bert").train()
    torch.nn.Module.to(eager, device)
    encoder = captured(model, device)
    monkeypatch.setattr(type(encoder._backend), "record", refuse)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = backward(model, golden_batch("bert", [0, 1]), device=device)
    assert [record.getMessage() for record in caplog.records] == [
        "the encoder trains without CUDA graphs, which is slower: operation not permitted when stream is capturing"
    ]
    expected = backward(eager, golden_batch("bert", [0, 1]), device=device)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_capture_that_breaks_off_leaves_the_stream_as_it_was(
    device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if device == "cpu":
        pytest.skip("a CPU has no streams")

    def refuse(*call: Any, **options: Any) -> Any:
        if torch.cuda.is_current_stream_capturing():
            raise RuntimeError("broken off")
        return run_packed(*call, **options)

    monkeypatch.setattr("atlop.ops.graphs.run_packed", refuse)
    eager, model = golden_model("bert").train(), golden_model("bert").train()
    torch.nn.Module.to(eager, device)
    captured(model, device)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            expected = backward(eager, golden_batch("bert", [0, 1]), device=device)
            found = backward(model, golden_batch("bert", [0, 1]), device=device)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert "broken off" in caplog.text
    ours = gradients(model)
    for name, grad in gradients(eager).items():
        torch.testing.assert_close(ours[name], grad, atol=1e-4, rtol=1e-4)


def test_batches_of_further_sizes_run_without_graphs_and_one_line_says_so(
    device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(graphs, "MAX_SHAPES", 1)
    eager, model = golden_model("bert").train(), golden_model("bert").train()
    torch.nn.Module.to(eager, device)
    encoder = captured(model, device)
    with caplog.at_level(logging.INFO, logger="atlop.ops.graphs"):
        for documents in ([0, 1], [2, 6, 3], [5], [0, 1]):
            expected = backward(eager, golden_batch("bert", documents), device=device)
            found = backward(model, golden_batch("bert", documents), device=device)
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert len(encoder._graphs) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "1 sizes of batches have CUDA graphs; those of others train without, slower"
    ]
    ours = gradients(model)
    for name, grad in gradients(eager).items():
        torch.testing.assert_close(ours[name], grad, atol=1e-4, rtol=1e-4)


def test_an_encoder_that_waits_for_the_gpu_is_not_captured_and_trains_on(
    tmp_path: Path, device: str, caplog: pytest.LogCaptureFixture
) -> None:
    if device == "cpu":
        pytest.skip("nothing waits for a CPU")

    def wait(*call: Any) -> None:
        call[-1].sum().item()

    model, batch = tiny_model(save_tiny_encoder(tmp_path, dropout=0.1), documents=[0, 1])
    captured(model.train(), device)
    cast(torch.nn.Module, model.encoder.embeddings).register_forward_hook(wait)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            scores = backward(model, batch, device=device)
    assert scores.isfinite().all()
    [record] = caplog.records
    assert "trains without CUDA graphs" in record.getMessage()
    assert torch.cuda.get_sync_debug_mode() == 0


def test_where_memory_ends_graphs_give_theirs_back_and_training_goes_on_without(
    device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    eager, model = golden_model("bert").train(), golden_model("bert").train()
    torch.nn.Module.to(eager, device)
    encoder = captured(model, device)
    for each in (eager, model):
        backward(each, golden_batch("bert", [0, 1]), device=device)
    assert encoder._graphs

    def refuse(_: Any, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        try:
            raise torch.OutOfMemoryError("out of memory")
        finally:
            raise RuntimeError("a capture ends with another error")

    monkeypatch.setattr(type(encoder._backend), "record", refuse)
    with caplog.at_level(logging.WARNING):
        for documents in ([2, 6, 3], [2, 6, 3], [0, 1]):
            found = backward(model, golden_batch("bert", documents), device=device)
            expected = backward(eager, golden_batch("bert", documents), device=device)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)

    assert [record.getMessage() for record in caplog.records] == [
        "the encoder trains without CUDA graphs, which is slower: memory is not enough for 1,536 tokens"
    ]
    assert not encoder._graphs
    assert not encoder._grads
    assert device != "cpu" or cast(RecordedGraphs, encoder._backend).released
    found, expected = (torch.cat([each.flatten() for each in gradients(one).values()]) for one in (model, eager))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
