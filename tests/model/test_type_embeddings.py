"""Embeddings of the types of entities: what a model knows, what it makes of other types, and what it starts from."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from atlop.config import ClassifierConfig, ModelConfig, OptimizerConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel
from atlop.model_folder import load_encoder, load_model, new_model, preprocessor_for, save_model, start_from
from atlop.preprocessing import TypeVocabulary
from atlop.schema import Document, Entity
from atlop.training.schedule import make_optimizer
from tests.golden_values import CLASSIFIER, golden_documents, golden_vocabulary, score
from tests.tiny_encoders import save_tiny_encoder

TYPES = ("LOC", "ORG", "PER")
Made = tuple[AtlopModel, PreTrainedTokenizerBase]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


def made(encoder: str, *types: str) -> Made:
    """A new model that knows these types; without any, one without type embeddings."""
    torch.manual_seed(1)
    classifier = ClassifierConfig(**CLASSIFIER.model_dump() | {"type_embeddings": bool(types)})
    loaded = load_encoder(encoder, model_config=ModelConfig(classifier=classifier))
    model = new_model(loaded, vocabulary=golden_vocabulary(), types=TypeVocabulary(types) if types else None)
    return model, loaded.tokenizer


def of_types(*types: str) -> Document:
    """A golden document whose entities have these types in turn."""
    whole = golden_documents()[0]
    entities = [
        Entity(tuple(replace(mention, type=types[number % len(types)]) for mention in entity.mentions))
        for number, entity in enumerate(whole.entities)
    ]
    return replace(whole, entities=tuple(entities))


def embeddings(of: Made, document: Document) -> Tensor:
    model, tokenizer = of
    with torch.no_grad():
        return model.pool(model.collate(list(preprocessor_for(model, tokenizer).preprocess([document])))).embeddings[0]


def rows(model: AtlopModel) -> Tensor:
    assert model.type_embeddings is not None
    return model.type_embeddings.weight.detach()


def test_the_embedding_of_its_type_is_added_to_that_of_an_entity(encoder: str) -> None:
    plain, typed = made(encoder), made(encoder, *TYPES)
    document = of_types("PER", "", "LOC")
    number_of = {"PER": 3, "": 0, "LOC": 1}
    added = torch.stack([rows(typed[0])[number_of[entity.type]] for entity in document.entities])
    torch.testing.assert_close(embeddings(typed, document), embeddings(plain, document) + added)
    assert added.abs().sum() > 0
    assert not rows(typed[0])[0].any()


def test_new_embeddings_are_small_and_all_other_layers_start_as_without(encoder: str) -> None:
    plain, typed = made(encoder)[0], made(encoder, *map(str, range(200)))[0]
    assert rows(typed).shape == (201, 32)
    assert float(rows(typed)[1:].std()) == pytest.approx(0.02, rel=0.05)
    assert all(torch.equal(typed.state_dict()[name], value) for name, value in plain.state_dict().items())
    assert typed.state_dict().keys() - plain.state_dict().keys() == {"type_embeddings.weight"}


def test_the_embeddings_are_trained_with_the_new_layers_and_that_of_no_type_is_not(encoder: str) -> None:
    model, tokenizer = made(encoder, *TYPES)
    optimizer, _ = make_optimizer(model, config=OptimizerConfig(), steps=1)
    assert model.type_embeddings is not None
    groups = [group["name"] for group in optimizer.param_groups if model.type_embeddings.weight in set(group["params"])]
    assert groups == ["new_layers"]
    document = of_types("PER", "", "LOC")
    score(
        model, model.collate(list(preprocessor_for(model, tokenizer).preprocess([document])))
    ).square().sum().backward()
    gradient = model.type_embeddings.weight.grad
    assert gradient is not None
    assert gradient.any(dim=1).tolist() == [False, True, False, True]


def test_a_type_has_one_embedding_in_every_document_and_an_unknown_one_is_named_once(
    encoder: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, tokenizer = made(encoder, *TYPES)
    preprocessor = preprocessor_for(model, tokenizer)
    documents = [of_types("PER"), of_types("ORG", "GPE"), of_types("GPE", "PER", "")]
    found = [features.entity_types[:3].tolist() for features in preprocessor.preprocess(documents)]
    assert found == [[2, 2, 2], [1, -1, 1], [-1, 2, -1]]
    assert [record.message for record in caplog.records] == [
        "there are entities of type 'GPE', which the model, trained with the types LOC, ORG, PER, reads as of no type",
        "there are entities without a type, which the model, trained with the types LOC, ORG, PER, reads as of no type",
    ]
    list(preprocessor.preprocess([of_types(*map(str, range(first, first + 4))) for first in range(0, 40, 4)]))
    assert len(caplog.records) == 8


def test_types_are_kept_in_the_model_folder(encoder: str, tmp_path: Path) -> None:
    typed = made(encoder, *TYPES)
    save_model(tmp_path / "model", model=typed[0], tokenizer=typed[1])
    loaded = load_model(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))["entity_types"] == list(TYPES)
    document = of_types("PER", "LOC")
    assert torch.equal(embeddings(loaded, document), embeddings(typed, document))
    plain = made(encoder)
    save_model(tmp_path / "plain", model=plain[0], tokenizer=plain[1])
    assert json.loads((tmp_path / "plain" / "config.json").read_text("utf-8"))["entity_types"] is None


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (["LOC", "PER"], r"type_embeddings\.weight: shape \[4, 32\], but config\.json expects \[3, 32\]"),
        (None, r"type_embeddings\.weight: shape \[4, 32\], but config\.json expects \[1, 32\]"),
        (["LOC", "LOC", "PER"], r'entity_types: "LOC" is listed more than once'),
        ("LOC", r"entity_types: "),
    ],
)
def test_types_that_are_not_those_of_the_weights_are_refused(
    types: Any, message: str, encoder: str, tmp_path: Path
) -> None:
    model, tokenizer = made(encoder, *TYPES)
    save_model(tmp_path / "model", model=model, tokenizer=tokenizer)
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"entity_types": types}), "utf-8")
    with pytest.raises(AtlopError, match=message):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("types", "lines"),
    [
        (TYPES, []),
        (("GPE", "PER"), ["anew: GPE; there alone, so that they are left out: LOC, ORG"]),
    ],
)
def test_a_second_stage_finds_the_embeddings_of_its_types_by_name(
    types: Sequence[str], lines: list[str], encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, tokenizer = made(encoder, *TYPES)
    with torch.no_grad():
        rows(first)[1:] += 1
    save_model(tmp_path / "first", model=first, tokenizer=tokenizer)
    second = made(encoder, *types)[0]
    before = rows(second).clone()
    with caplog.at_level(logging.INFO, logger="atlop.model_folder.start"):
        start_from(second, tmp_path / "first")
    for number, name in enumerate(types, start=1):
        expected = rows(first)[1 + TYPES.index(name)] if name in TYPES else before[number]
        assert torch.equal(rows(second)[number], expected)
    assert not rows(second)[0].any()
    messages = [record.message for record in caplog.records]
    assert len(messages) == len(lines)
    assert all(expected in message for expected, message in zip(lines, messages, strict=True))


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ((), TYPES, "start anew: LOC, ORG, PER; there alone, so that they are left out: none"),
        (TYPES, (), "start anew: none; there alone, so that they are left out: LOC, ORG, PER"),
    ],
)
def test_a_stage_with_and_one_without_embeddings_follow_each_other(
    first: Sequence[str],
    second: Sequence[str],
    line: str,
    encoder: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trained, tokenizer = made(encoder, *first)
    with torch.no_grad():
        for weight in trained.parameters():
            weight.add_(0.01)
    save_model(tmp_path / "first", model=trained, tokenizer=tokenizer)
    started = made(encoder, *second)[0]
    before = started.state_dict().get("type_embeddings.weight", torch.zeros(0)).clone()
    with caplog.at_level(logging.INFO, logger="atlop.model_folder.start"):
        start_from(started, tmp_path / "first")
    for name, weight in started.state_dict().items():
        expected = before if name == "type_embeddings.weight" else trained.state_dict()[name]
        assert torch.equal(weight, expected), name
    assert [line in record.message for record in caplog.records] == [True]
