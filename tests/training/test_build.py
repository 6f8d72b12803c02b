"""What is trained, and how: what keeps an encoder from being captured, what no loss reaches, what cannot be done."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import BertConfig, BertModel

from atlop.config import EncoderConfig
from atlop.config_files import load_config
from atlop.errors import AtlopError
from atlop.ops import run_packed, use_fast_layers
from atlop.training.build import _capture_encoder, build_training, freeze_untrained
from tests.golden_values import golden_tokenizer
from tests.tiny_encoders import save_tiny_encoder, tiny_model
from tests.training.test_resuming import short_training


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


@pytest.mark.parametrize(("kind", "frozen"), [("bert", False), ("luke", True), ("xlnet", True)])
def test_what_no_loss_reaches_is_frozen(kind: str, frozen: bool, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=[0, 1])

    freeze_untrained(model, tokenizer=golden_tokenizer("bert"))

    model.train()(batch).scores.sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert (len(trained) < len([*model.parameters()])) == frozen


def test_an_encoder_that_keeps_all_activations_is_refused_before_the_corpus_is_read(tmp_path: Path) -> None:
    config = short_training(tmp_path)
    name = save_tiny_encoder(tmp_path / "other", kind="mpnet")
    config.data.train.write_text("no corpus", encoding="utf-8")
    encoder = EncoderConfig(name=name, gradient_checkpointing=True)

    with pytest.raises(AtlopError, match=r"encoder\.gradient_checkpointing: .*other \(mpnet\) cannot do it"):
        build_training(config.model_copy(update={"encoder": encoder}))
