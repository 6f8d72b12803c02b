"""Training on a GPU: the encoder is captured, nothing waits, and what is deterministic repeats itself."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from atlop.ops import CapturedEncoder
from atlop.training import build_training, train
from tests.devices import needs_gpu
from tests.golden_values import golden_model
from tests.training.test_resuming import interrupt_after, results_of, resume, short_training, with_trainer
from tests.training.test_step import Stepper

pytestmark = needs_gpu


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_a_step_waits_for_nothing_but_the_norm_in_fp16(precision: Any) -> None:
    model = golden_model("bert")
    stepper = Stepper(model, precision=precision, device="cuda")
    model.run_encoder = CapturedEncoder(model.encoder)
    batches = [[model.collate([stepper.documents[index] for index in rows]).pin_memory()] for rows in ([2, 3], [0, 1])]
    for batch in batches:  # captures
        stepper.step(batch)
    torch.cuda.set_sync_debug_mode("warn" if precision == "fp16" else "error")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            for batch in batches:
                stepper.step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [each for each in warned if "synchronizing" in str(each.message)]
    assert len(waits) == (len(batches) if precision == "fp16" else 0)  # for whether gradients have overflowed


@pytest.mark.parametrize(
    "changes",
    [{}, {"precision": "bf16"}, {"precision": "fp16"}, {"precision": "tf32"}],
    ids=str,
)
def test_a_training_captures_its_encoder_and_learns(changes: dict[str, Any], tmp_path: Path) -> None:
    config = with_trainer(short_training(tmp_path), epochs=8, **changes)
    training = build_training(config, device="cuda")
    assert isinstance(training.state.model.run_encoder, CapturedEncoder)
    losses = []
    with training.accelerator.settings():
        for _, batches in training.prefetch_steps():
            losses.append(training.step(batches).loss)
    assert sum(losses[-4:]) < sum(losses[:4])
    assert training.state.model.run_encoder._graphs


def test_gradient_checkpointing_is_not_captured(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = short_training(tmp_path)
    encoder = config.encoder.model_copy(update={"gradient_checkpointing": True})
    with caplog.at_level(logging.INFO):
        training = build_training(config.model_copy(update={"encoder": encoder}), device="cuda")
    assert not isinstance(training.state.model.run_encoder, CapturedEncoder)
    assert "without CUDA graphs, which do not work with encoder.gradient_checkpointing" in caplog.text
    for _, batches in training.prefetch_steps():
        assert training.step(batches).loss.isfinite()


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_deterministic_run_repeats_itself_and_is_resumed_to_the_bit(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_trainer(short_training(tmp_path), deterministic=True, precision=precision)
    for name in ("one", "other"):
        train(config, output=tmp_path / name, device="cuda", show_progress=False)
    cut = interrupt_after(4, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    resume(config, cut)
    assert results_of(tmp_path / "one") == results_of(tmp_path / "other") == results_of(cut)
