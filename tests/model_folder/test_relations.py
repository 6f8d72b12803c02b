"""Models that know relations by their words: what words they read, relations that are added, what starts from them."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from atlop.config import ClassifierConfig, LayersConfig, ModelConfig
from atlop.decoding import Decision
from atlop.errors import AtlopError
from atlop.model import AtlopModel, LabelClassifier
from atlop.model_folder import (
    add_relations,
    load_encoder,
    load_model,
    new_model,
    preprocessor_for,
    save_model,
    start_from,
    store_decision,
)
from atlop.schema import RelationVocabulary
from tests.golden_values import CLASSIFIER, golden_documents, score
from tests.tiny_encoders import each_kind, save_tiny_encoder

LABELS = CLASSIFIER.model_copy(update={"kind": "labels"})
NAMES = {"P17": "country", "P6": "head of government"}
ADDED = RelationVocabulary(("works for",), {}, descriptions={"works for": "a person and a company"})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


def made(
    encoder: str,
    *,
    names: dict[str, str] = NAMES,
    classifier: ClassifierConfig = LABELS,
    layers: int = 1,
    seed: int = 1,
) -> tuple[AtlopModel, Any]:
    torch.manual_seed(seed)
    loaded = load_encoder(
        encoder, model_config=ModelConfig(classifier=classifier, encoder=LayersConfig(layers_averaged=layers))
    )
    return new_model(loaded, vocabulary=RelationVocabulary(tuple(names), names)), loaded.tokenizer


@pytest.fixture
def saved(encoder: str, tmp_path: Path) -> Path:
    """A model folder; its encoder is no longer the pretrained one."""
    model, tokenizer = made(encoder)
    with torch.no_grad():
        for weight in model.encoder.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.01)
    save_model(tmp_path / "model", model=model, tokenizer=tokenizer)
    return tmp_path / "model"


def scores_in(folder: Path) -> Tensor:
    model, tokenizer = load_model(folder)
    features = list(preprocessor_for(model, tokenizer).preprocess(golden_documents()[:2]))
    with torch.no_grad():
        return score(model, model.collate(features))


def vectors(model: AtlopModel) -> Tensor:
    assert isinstance(model.classifier, LabelClassifier)
    return model.classifier.label_vectors


@each_kind
def test_a_class_has_the_mean_of_the_encoders_states_at_its_words(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, kind=kind)
    model, tokenizer = made(folder, layers=2)
    plain = AutoModel.from_pretrained(folder).eval()
    for found, words in zip(vectors(model), ("no relation", "country", "head of government"), strict=True):
        with torch.no_grad():
            output = plain(**tokenizer(words, return_tensors="pt"), output_hidden_states=True)
        expected = torch.stack(output.hidden_states[-2:]).mean(dim=0)[0, 1:-1].mean(dim=0)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_words_are_names_and_descriptions_and_ids_where_there_is_no_name(caplog: pytest.LogCaptureFixture) -> None:
    vocabulary = RelationVocabulary(("P17", "lives_in", "P6"), {"P17": "country"}, descriptions={"P6": "its head"})

    words = [vocabulary.words_of(relation) for relation in vocabulary.relations]

    assert words == ["country", "lives in", "P6: its head"]


def test_ids_that_say_nothing_are_named_in_a_warning(encoder: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="atlop.model_folder.words"):
        loaded = load_encoder(encoder, model_config=ModelConfig(classifier=LABELS))
        new_model(loaded, vocabulary=RelationVocabulary(("P17", "P6", "lives_in"), {"P6": "head"}))
    [record] = caplog.records
    assert record.getMessage().startswith("classifier.kind: P17 have no name")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"P17": "country", "P27": "country"}, 'cannot tell the relations "country" and "country" apart'),
        ({"P17": "no relation"}, 'cannot tell the relations "no relation" and "no relation" apart'),
        ({"P17": " "}, 'relation " ": its words have no token'),
    ],
)
def test_words_that_say_nothing_of_their_own_are_refused(encoder: str, names: dict[str, str], message: str) -> None:
    with pytest.raises(AtlopError, match=message):
        made(encoder, names=names)


def test_a_model_with_words_survives_saving(saved: Path, encoder: str) -> None:
    loaded, _ = load_model(saved)
    assert torch.equal(vectors(loaded), vectors(made(encoder)[0]))
    assert isinstance(loaded.classifier, LabelClassifier)
    torch.testing.assert_close(loaded.classifier.label_mean, vectors(loaded).mean(dim=0))


def test_an_added_relation_leaves_every_bit_of_the_other_scores(saved: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())

    config = add_relations(saved, ADDED, output=tmp_path / "more")

    assert config.vocabulary.relations == ("P17", "P6", "works for")
    found, expected = scores_in(tmp_path / "more"), scores_in(saved)
    assert torch.equal(found[:, :3], expected)
    assert found[:, 3].std() > 0
    model, _ = load_model(tmp_path / "more")
    assert model.config.vocabulary.words_of("works for") == "works for: a person and a company"
    assert model.config.id2label == {0: "TH", 1: "P17", 2: "P6", 3: "works for"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [*before, "more"]


def test_an_added_relation_has_the_vector_that_it_would_have_been_trained_with(
    saved: Path, encoder: str, tmp_path: Path
) -> None:
    add_relations(saved, RelationVocabulary(("P50",), {"P50": "author"}), output=tmp_path / "more")

    trained, _ = made(encoder, names=NAMES | {"P50": "author"})
    assert torch.equal(vectors(load_model(tmp_path / "more")[0]), vectors(trained))


def test_relations_are_added_to_a_model_that_had_some_added(saved: Path, tmp_path: Path) -> None:
    (saved / "README.md").write_text("# A model\n", encoding="utf-8")
    add_relations(saved, ADDED, output=tmp_path / "first")
    add_relations(tmp_path / "first", RelationVocabulary(("P50",), {"P50": "author"}), output=tmp_path / "second")

    assert load_model(tmp_path / "second")[0].config.vocabulary.relations == ("P17", "P6", "works for", "P50")
    card = (tmp_path / "second" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# A model\n")
    assert card.index("`atlop relations add`: works for: a person") < card.index("`atlop relations add`: author.")


@pytest.mark.parametrize(("offset", "expected"), [(0.25, 0.25), (None, 0.0)])
def test_a_threshold_of_each_relation_becomes_the_offset_for_an_added_one(
    offset: float | None, expected: float, saved: Path, tmp_path: Path
) -> None:
    store_decision(saved, Decision(use="per_class", offset=offset, per_class={"P17": 1.5, "P6": -0.5}))

    config = add_relations(saved, ADDED, output=tmp_path / "more")

    assert config.stored_decision.per_class == {"P17": 1.5, "P6": -0.5, "works for": expected}
    assert load_model(tmp_path / "more")[0].config.stored_decision == config.stored_decision


def refused(saved: Path, tmp_path: Path, message: str, *, added: RelationVocabulary = ADDED, **options: Any) -> None:
    """Expect a message and no output."""
    with pytest.raises(AtlopError, match=message):
        add_relations(saved, added, output=tmp_path / "more", **options)
    assert not (tmp_path / "more").exists()


def test_relations_that_cannot_be_added_are_refused(saved: Path, encoder: str, tmp_path: Path) -> None:
    refused(saved, tmp_path, r"model: would have P17 twice", added=RelationVocabulary(("P17",), {}))
    refused(
        saved,
        tmp_path,
        r'cannot tell the relations "country" and "country" apart',
        added=RelationVocabulary(("country",), {}),
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(AtlopError, match=r"full: already exists"):
        add_relations(saved, ADDED, output=tmp_path / "full")


def test_a_model_whose_relations_have_weights_of_their_own_takes_no_words(encoder: str, tmp_path: Path) -> None:
    model, tokenizer = made(encoder, classifier=CLASSIFIER)
    save_model(tmp_path / "model", model=model, tokenizer=tokenizer)
    refused(tmp_path / "model", tmp_path, r"each of its relations has trained weights .*\"grouped_bilinear\"")


def test_words_are_read_by_the_encoder_that_was_there_at_first(saved: Path, encoder: str, tmp_path: Path) -> None:
    load_model(saved)[0].encoder.save_pretrained(tmp_path / "tuned")
    for path in Path(encoder).glob("tokenizer*"):
        shutil.copy(path, tmp_path / "tuned")
    refused(saved, tmp_path, r"were read by another encoder", encoder=str(tmp_path / "tuned"))
    config = json.loads((saved / "config.json").read_text("utf-8"))
    config["encoder"]["_name_or_path"] = str(tmp_path / "gone")
    (saved / "config.json").write_text(json.dumps(config), "utf-8")
    refused(saved, tmp_path, r"gone' cannot be loaded.*; --encoder gives the pretrained encoder")
    add_relations(saved, ADDED, output=tmp_path / "more", encoder=encoder)


@pytest.mark.parametrize("names", [NAMES, {"P6": "head of government", "P50": "author", "P17": "country"}])
def test_a_second_stage_knows_every_relation_by_its_words(
    names: dict[str, str], saved: Path, encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, tokenizer = made(encoder, names=names, seed=2)
    with caplog.at_level(logging.INFO, logger="atlop.model_folder.start"):
        start_from(model, saved)
    save_model(tmp_path / "second", model=model, tokenizer=tokenizer)
    expected = scores_in(saved)
    if names == NAMES:
        assert torch.equal(scores_in(tmp_path / "second"), expected)
        assert not caplog.records
        return
    assert torch.equal(scores_in(tmp_path / "second")[:, [0, 3, 1]], expected)
    add_relations(saved, RelationVocabulary(("P50",), {"P50": "author"}), output=tmp_path / "more")
    assert torch.equal(scores_in(tmp_path / "second")[:, 2], scores_in(tmp_path / "more")[:, 3])
    assert "here alone, so that they begin as what their words say: author; " in caplog.text


@pytest.mark.parametrize(
    ("classifier", "layers", "message"),
    [
        (CLASSIFIER, 1, r"was trained with classifier\.kind=labels; set it to the same in this run"),
        (LABELS, 2, r"were read by another encoder, or by other layers of it"),
    ],
)
def test_a_second_stage_of_another_kind_is_refused(
    classifier: ClassifierConfig, layers: int, message: str, saved: Path, encoder: str
) -> None:
    model, _ = made(encoder, classifier=classifier, layers=layers)
    with pytest.raises(AtlopError, match=message):
        start_from(model, saved)
