"""The model works with any encoder of transformers that returns attention."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, FNetConfig

from atlop.errors import AtlopError
from atlop.model_folder import load_model, save_model
from tests.golden_values import (
    assert_reference_gradients,
    golden_features,
    gradients,
    plain_model,
    represent,
    score,
)
from tests.tiny_encoders import each_kind, every_kind, save_tiny_encoder, tiny_model

DOCUMENTS = [0, 3, 6]
"""Of one, two and one windows."""


@every_kind
def test_every_kind_of_encoder_scores_and_learns_like_the_reference(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    assert model.config.window_end == [3] * (2 if kind in ("roberta", "xlm-roberta", "camembert") else 1)
    plain = plain_model(model)
    expected, context = plain([golden_features("bert")[index] for index in DOCUMENTS])
    expected.square().mean().backward()
    found = score(model, batch)
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(represent(model, batch)[1], context, atol=1e-5, rtol=0)
    assert_reference_gradients(model, equal=plain)


@each_kind
def test_every_kind_of_encoder_returns_attention_that_sums_to_one(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    with torch.no_grad():
        pooled = model.pool(batch)
        for document, entities in enumerate(batch.entity_counts):
            found = (batch.mention_indices[document, :entities] >= 0).any(dim=1)
            entity_attention = pooled.entity_attention(document)
            assert entity_attention is not None
            attention = entity_attention.rows(slice(0, entities))
            assert attention.shape == (batch.lengths[document], 4, entities)
            torch.testing.assert_close(attention[:, :, found].sum(dim=0), torch.ones(4, int(found.sum())))
            assert (attention[:, :, ~found] == 0).all()


@each_kind
def test_padding_does_not_change_the_scores_of_a_document(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind=kind)
    model, beside_a_longer_one = tiny_model(folder, documents=[0, 1])
    _, alone = tiny_model(folder, documents=[0])
    with torch.no_grad():
        found = score(model, beside_a_longer_one).split(beside_a_longer_one.pair_counts)[0]
        torch.testing.assert_close(found, score(model, alone), atol=1e-5, rtol=0)


@each_kind
def test_every_kind_of_encoder_works_in_bf16(kind: str, tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=DOCUMENTS)
    with torch.no_grad():
        exact = score(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = score(model, batch)
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
        assert torch.equal(score(loaded, batch), score(model, batch))


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
    with pytest.raises(AtlopError, match="returns no attention"):
        tiny_model(folder, documents=DOCUMENTS)


@each_kind
def test_the_last_layers_can_be_averaged(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind=kind)
    model, batch = tiny_model(folder, documents=DOCUMENTS, layers_averaged=2)
    whole = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        pooled = model.pool(batch)
        for row in (0, 2):  # of one window each
            tokens = batch.lengths[row]
            start = batch.window_boundaries[batch.first_windows[row]]
            ids = batch.input_ids[start : start + tokens][None].long()
            output = whole(ids, output_attentions=True, output_hidden_states=True)
            states = torch.stack(output.hidden_states[-2:]).mean(dim=0)[0]
            torch.testing.assert_close(pooled.states[row, :tokens], states, atol=1e-5, rtol=0)
            attention = torch.stack(output.attentions[-2:]).mean(dim=0)[0]  # [heads, tokens, tokens]
            positions = batch.mention_indices[row, 0] - row * batch.padded_length
            mentions = positions[batch.mention_indices[row, 0] >= 0]
            found = pooled.entity_attention(row)
            assert found is not None
            expected = attention[:, mentions].mean(dim=1).T
            torch.testing.assert_close(found.rows(slice(0, 1))[:, :, 0], expected, atol=1e-5, rtol=0)


def test_no_more_layers_can_be_averaged_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"encoder\.layers_averaged: 3, but the encoder has 2 layers"):
        tiny_model(save_tiny_encoder(tmp_path), documents=[0], layers_averaged=3)
