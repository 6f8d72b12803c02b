"""The paper's ablations of the model, each against the plain reference without that part."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, FNetConfig

from atlop.config import ClassifierConfig, Markers, PoolingConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel, encoder
from atlop.model_folder import load_model, save_model, start_from
from atlop.preprocessing import Batch
from tests.golden_values import (
    CLASSIFIER,
    assert_reference_gradients,
    golden_features,
    gradients,
    plain_model,
    score,
)
from tests.tiny_encoders import each_kind, save_tiny_encoder, tiny_model

DOCUMENTS = [0, 3, 6]
"""Of one, two and one windows."""


class Variant(NamedTuple):
    pooling: PoolingConfig = PoolingConfig()
    classifier: ClassifierConfig = CLASSIFIER
    markers: Markers = "word"

    def model(self, folder: str) -> tuple[AtlopModel, Batch]:
        return tiny_model(folder, documents=DOCUMENTS, **self._asdict())


BERT_E = PoolingConfig(context="none")
VARIANTS = {
    "without localized context pooling": Variant(pooling=BERT_E),
    "without logsumexp": Variant(pooling=PoolingConfig(context="none", mentions="mean")),
    "without group bilinear": Variant(
        pooling=BERT_E, classifier=ClassifierConfig(kind="bilinear", representation_size=64, block_size=16)
    ),
    "without entity markers": Variant(pooling=BERT_E, markers="none"),
    "with context alone": Variant(
        pooling=PoolingConfig(mentions="mean"), classifier=ClassifierConfig(kind="bilinear"), markers="none"
    ),
}
each_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


@each_variant
@each_kind
def test_scores_and_gradients_are_those_of_the_reference(kind: str, variant: Variant, tmp_path: Path) -> None:
    model, batch = variant.model(save_tiny_encoder(tmp_path, kind=kind))
    plain = plain_model(model)
    features = golden_features("bert", marked=variant.markers != "none")
    expected, _ = plain([features[index] for index in DOCUMENTS])
    expected.square().mean().backward()
    found = score(model, batch)
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert_reference_gradients(model, equal=plain)


@each_variant
def test_a_variant_survives_saving(variant: Variant, tmp_path: Path) -> None:
    model, batch = variant.model(save_tiny_encoder(tmp_path / "encoder"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    save_model(tmp_path / "model", model=model, tokenizer=tokenizer)
    loaded, _ = load_model(tmp_path / "model")
    assert loaded.config.model.preprocessing.markers == variant.markers
    with torch.no_grad():
        assert torch.equal(score(loaded, batch), score(model, batch))


@each_variant
def test_a_variant_trains_in_bf16(variant: Variant, tmp_path: Path) -> None:
    model, batch = variant.model(save_tiny_encoder(tmp_path))
    with torch.no_grad():
        exact = score(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = score(model.train(), batch)
    coarse.square().mean().backward()
    torch.testing.assert_close(coarse, exact, atol=0.2, rtol=0)
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


def test_attention_that_nobody_reads_is_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(encoder, "attention_rows", refuse)
    folder = save_tiny_encoder(tmp_path)
    model, batch = tiny_model(folder, documents=DOCUMENTS, pooling=BERT_E)
    score(model, batch)
    with pytest.raises(AssertionError, match="computed"):
        tiny_model(folder, documents=DOCUMENTS)[0](batch)


def test_without_context_an_encoder_needs_no_attention(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    config = FNetConfig(vocab_size=420, hidden_size=32, num_hidden_layers=1, intermediate_size=32, pad_token_id=0)
    AutoModel.from_config(config).save_pretrained(folder)
    model, batch = tiny_model(folder, documents=DOCUMENTS, pooling=BERT_E)
    assert score(model, batch).isfinite().all()
    with pytest.raises(AtlopError, match=r'returns no attention.* or pooling\.context = "none"'):
        tiny_model(folder, documents=DOCUMENTS)


def test_one_group_has_about_as_many_weights_as_the_published_groups(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    grouped, _ = tiny_model(folder, documents=[0], classifier=ClassifierConfig())
    single, _ = tiny_model(folder, documents=[0], classifier=ClassifierConfig(kind="bilinear"))
    assert single.config.model.classifier.sizes == (222, 222)
    weights = [model.classifier.bilinear.weight.numel() for model in (grouped, single)]
    assert weights[1] == pytest.approx(weights[0], rel=0.005)


def test_a_second_stage_cannot_start_from_another_variant(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path / "encoder")
    model, _ = tiny_model(folder, documents=[0], pooling=BERT_E)
    save_model(tmp_path / "first", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    with pytest.raises(AtlopError, match=r"another encoder or other sizes"):
        start_from(tiny_model(folder, documents=[0])[0], tmp_path / "first")
