"""Any encoder of transformers that gives attention can carry the model."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, FNetConfig

from atlop.errors import AtlopError
from atlop.model_folder import load_model, save_model
from tests.golden_values import (
    assert_gradients_of,
    golden_features,
    gradients,
    plain_model,
    represent,
)
from tests.tiny_encoders import each_kind, save_tiny_encoder, tiny_model

DOCUMENTS = [0, 3, 6]
"""Of one, two and one windows."""


@each_kind
def test_every_kind_of_encoder_scores_and_learns_like_the_reference(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    assert model.config.window_end == [3] * (2 if kind == "roberta" else 1)
    plain = plain_model(model)
    expected, context = plain([golden_features("bert")[index] for index in DOCUMENTS])
    expected.square().mean().backward()
    found = model(batch).scores
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(represent(model, batch)[1], context, atol=1e-5, rtol=0)
    assert_gradients_of(model, equal=plain)


@each_kind
def test_every_kind_of_encoder_gives_attention_that_sums_to_one(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    with torch.no_grad():
        readers = model.pool(batch).attention
    assert readers is not None
    for document, (reader, entities) in enumerate(zip(readers, batch.entities, strict=True)):
        found = (batch.entity_mentions[document, :entities] >= 0).any(dim=1)
        attention = reader.rows(slice(0, entities))
        assert attention.shape == (entities, 4, batch.lengths[document])
        torch.testing.assert_close(attention[found].sum(dim=-1), torch.ones(int(found.sum()), 4))
        assert (attention[~found] == 0).all()


@each_kind
def test_padding_does_not_change_the_scores_of_a_document(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind=kind)
    model, beside_a_longer_one = tiny_model(folder, documents=[0, 1])
    _, alone = tiny_model(folder, documents=[0])
    with torch.no_grad():
        found = model(beside_a_longer_one).scores.split(beside_a_longer_one.pair_counts)[0]
        torch.testing.assert_close(found, model(alone).scores, atol=1e-5, rtol=0)


@each_kind
def test_every_kind_of_encoder_works_in_bf16(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    with torch.no_grad():
        exact = model(batch).scores
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = model(batch).scores
    coarse.square().mean().backward()
    assert not torch.equal(coarse, exact)
    torch.testing.assert_close(coarse.float(), exact, atol=0.2, rtol=0)
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


@each_kind
def test_every_kind_of_encoder_survives_saving(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path / "encoder", kind=kind), documents=DOCUMENTS)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    save_model(tmp_path / "model", model=model, tokenizer=tokenizer)
    loaded, _ = load_model(tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(loaded(batch).scores, model(batch).scores)


@each_kind
def test_the_gradient_flows_through_the_attention(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    represent(model, batch)[1].square().sum().backward()
    last = {
        name: gradient
        for name, gradient in gradients(model).items()
        if "layer.1." in name and ("query" in name or ".q." in name) and name.endswith("weight")
    }
    assert len(last) == 1
    assert all(gradient.abs().max() > 0 for gradient in last.values())


def test_an_encoder_without_attention_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    config = FNetConfig(vocab_size=420, hidden_size=32, num_hidden_layers=1, intermediate_size=32, pad_token_id=0)
    AutoModel.from_config(config).save_pretrained(folder)
    model, batch = tiny_model(folder, documents=DOCUMENTS)
    with pytest.raises(AtlopError, match="gives no attention"):
        model(batch)
