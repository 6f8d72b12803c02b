"""What keeps an encoder from being captured is said."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import BertConfig, BertModel

from atlop.config_files import load_config
from atlop.ops import run_packed, use_fast_layers
from atlop.training.build import _capture_encoder


@pytest.mark.parametrize(("width", "kernel"), [(26, False), (264, False), (32, True)])
def test_heads_without_a_kernel_for_all_sequences_are_not_captured(
    width: int, kernel: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = BertModel(BertConfig(vocab_size=9, hidden_size=2 * width, num_hidden_layers=1, num_attention_heads=2))
    use_fast_layers(encoder)
    model: Any = SimpleNamespace(encoder=encoder, run_encoder=run_packed)
    monkeypatch.setattr("atlop.training.build.CapturedEncoder", lambda _: "captured")

    with caplog.at_level(logging.INFO):
        _capture_encoder(model, config=load_config("small"), processes=1)

    assert (model.run_encoder == "captured") == kernel
    assert ("do not work with heads of such a width" in caplog.text) != kernel
