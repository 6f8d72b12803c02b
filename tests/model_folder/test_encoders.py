"""An encoder can be trained on, or is refused with one message before a corpus is read."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModel

from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    ModelConfig,
    RunConfig,
    TrainerConfig,
)
from atlop.errors import AtlopError
from atlop.model_folder import load_encoder
from atlop.training import build_training
from tests.golden_values import golden_tokenizer
from tests.tiny_encoders import VOCABULARY_SIZE, every_kind, save_tiny_encoder


@every_kind
def test_every_kind_of_encoder_trains(kind: str, tiny_corpus: Path, tmp_path: Path) -> None:
    config = RunConfig(
        data=DataConfig(train=tiny_corpus, dev=tiny_corpus),
        encoder=EncoderConfig(name=save_tiny_encoder(tmp_path, kind=kind, dropout=0.1)),
        classifier=ClassifierConfig(representation_size=32, block_size=8),
        trainer=TrainerConfig(batch_size=2, precision="float32", epochs=1),
    )
    training = build_training(config, device="cpu")
    encoder: Any = training.state.model.encoder
    tokens = encoder.get_input_embeddings().weight
    before = tokens.clone()
    (_, first), (_, second), *_ = training.prefetch_steps()
    losses = [float(training.step(batches).loss) for batches in (first, second)]
    assert all(map(math.isfinite, losses))
    assert not torch.equal(tokens, before)  # gradients flow through all layers


def save_small(folder: Path, kind: str, **settings: Any) -> str:
    """Write an encoder of another architecture with the golden BERT tokenizer."""
    config = CONFIG_MAPPING[kind](**settings | {"vocab_size": VOCABULARY_SIZE, "pad_token_id": 0})
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    golden_tokenizer("bert").save_pretrained(folder)
    return str(folder)


LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
HALVES = {"d_model": 32, "num_layers": 1, "encoder_layers": 1, "decoder_layers": 1, "num_heads": 2}
SHORT_ATTENTION = {"attention_window": 16, "max_position_embeddings": 600}
DECODER = {"n_embd": 32, "n_layer": 2, "n_head": 2}


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("longformer", LAYERS | SHORT_ATTENTION, "'longformer' returns no attention of all tokens to all tokens"),
        ("big_bird", LAYERS, "'big_bird' returns no attention of all tokens to all tokens"),
        ("bart", HALVES, r"is an encoder and a decoder \(bart\), and only an encoder can be used; choose another one"),
        ("t5", HALVES | {"d_kv": 8, "d_ff": 48}, r"is an encoder and a decoder \(t5\)"),
    ],
)
def test_an_encoder_of_another_shape_is_refused_by_name_before_the_corpus_is_read(
    kind: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    corpus = tmp_path / "damaged.json"
    corpus.write_text("[", encoding="utf-8")
    config = RunConfig(
        data=DataConfig(train=corpus, dev=corpus),
        encoder=EncoderConfig(name=save_small(tmp_path, kind, **settings)),
        trainer=TrainerConfig(precision="float32"),
    )
    with pytest.raises(AtlopError, match=message) as caught:
        build_training(config, device="cpu")
    assert str(tmp_path) in str(caught.value)


def test_a_word_that_only_the_tokenizer_has_is_named(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    tokenizer = golden_tokenizer("bert")
    added = [f"word{number}" for number in range(20)]
    enlarged = type(tokenizer).from_pretrained(folder)
    enlarged.add_tokens(added)
    enlarged.save_pretrained(folder)
    with pytest.raises(AtlopError, match=r"more tokens than the 420 .*: word0, .*, word7, … and 12 more; give it the"):
        load_encoder(folder)


def test_a_causal_decoder_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_encoder(save_tiny_encoder(tmp_path / "bert"))
    assert not caplog.text
    load_encoder(save_small(tmp_path / "gpt2", "gpt2", **DECODER))
    (message,) = (record.message for record in caplog.records if record.name.startswith("atlop"))
    assert "(gpt2) is causal: no token sees what follows it" in message


def test_an_encoder_that_cannot_be_trained_in_the_precision_says_so(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind="deberta")  # whose mask is a number of float32
    load_encoder(folder)
    with pytest.raises(AtlopError, match=r"\(deberta\): cannot read .* set trainer\.precision=float32"):
        load_encoder(folder, precision="bf16")


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("pooling", {"mentions": "max"}, "pooling.mentions: 'max' is not known"),
        ("heads", {"nothing": {}}, "heads: 'nothing' is not known"),
        ("preprocessing", {"window": 513}, "preprocessing.window: 513 tokens, but the encoder takes at most 512"),
        ("encoder", {"layers_averaged": 3}, "encoder.layers_averaged: 3, but the encoder has 2 layers"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_the_encoder(
    section: str, value: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(AtlopError, match=message):
        load_encoder(save_tiny_encoder(tmp_path), model_config=ModelConfig.model_validate({section: value}))


def test_trying_an_encoder_draws_no_random_numbers(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    torch.manual_seed(3)
    AutoModel.from_pretrained(folder)
    expected = torch.get_rng_state()
    torch.manual_seed(3)
    load_encoder(folder)
    assert torch.equal(torch.get_rng_state(), expected)
