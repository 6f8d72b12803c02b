"""Models are made from an encoder, saved with all that prediction needs, and loaded again."""

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from atlop.config import ClassifierConfig, ModelConfig, PreprocessingConfig
from atlop.errors import AtlopError
from atlop.inference import RelationExtractor
from atlop.model import AtlopConfig, AtlopModel
from atlop.model_folder import load_encoder, load_model, new_model, preprocessor_for, save_model, start_from
from atlop.schema import RelationVocabulary
from tests.golden_values import (
    CLASSIFIER,
    GOLDEN,
    each_encoder,
    golden_batch,
    golden_documents,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    score,
    untrained_golden_model,
)
from tests.made_documents import word_tokenizer
from tests.tiny_encoders import save_tiny_encoder


def model_on(
    encoder: str,
    *,
    vocabulary: RelationVocabulary | None = None,
    preprocessing: PreprocessingConfig | None = None,
    classifier: ClassifierConfig = CLASSIFIER,
    pretrained: bool = True,
) -> AtlopModel:
    loaded = load_encoder(
        encoder,
        model_config=ModelConfig(preprocessing=preprocessing or PreprocessingConfig(), classifier=classifier),
        pretrained=pretrained,
    )
    return new_model(loaded, vocabulary=vocabulary or golden_vocabulary())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return tmp_path / "model"


@each_encoder
def test_a_saved_model_scores_the_same_after_loading(name: str, tmp_path: Path) -> None:
    model, batch = golden_model(name), golden_batch(name, [0, 3])
    save_model(tmp_path / "model", model=model, tokenizer=golden_tokenizer(name))
    loaded, _ = load_model(tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(score(loaded, batch), score(model, batch))
    assert not loaded.training


def test_the_class_ids_of_the_relations_survive_saving(tmp_path: Path) -> None:
    relations = ("P17", "P108", "P1001", "P6")  # neither in alphabetical nor in numerical order
    vocabulary = RelationVocabulary(relations=relations, names={"P17": "country", "P6": "head of government"})
    model = model_on(save_tiny_encoder(tmp_path / "encoder"), vocabulary=vocabulary)
    save_model(tmp_path / "model", model=model, tokenizer=golden_tokenizer("bert"))
    loaded = load_model(tmp_path / "model")[0].config.vocabulary
    assert loaded.relations == relations
    assert [loaded.class_of(relation) for relation in relations] == [1, 2, 3, 4]
    assert [loaded.name_of(relation) for relation in relations] == ["country", "P108", "P1001", "head of government"]


@each_encoder
def test_the_folder_is_all_that_prediction_needs(name: str, tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "golden" / name, tmp_path / "encoder")
    made = model_on(
        str(tmp_path / "encoder"),
        preprocessing=PreprocessingConfig(max_length=300, leading_space=True),
        pretrained=False,
    )
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    save_model(tmp_path / "model", model=made, tokenizer=tokenizer)
    features = list(preprocessor_for(made, tokenizer).preprocess(golden_documents()[:4]))
    with torch.no_grad():
        expected = score(made, made.collate(features))
    shutil.rmtree(tmp_path / "encoder")
    (tmp_path / "model").rename(tmp_path / "elsewhere")

    model, tokenizer = load_model(tmp_path / "elsewhere")
    again = list(preprocessor_for(model, tokenizer).preprocess(golden_documents()[:4]))
    assert [document.input_ids.tolist() for document in again] == [item.input_ids.tolist() for item in features]
    assert max(len(document.input_ids) for document in again) == 300
    without_space = [document.input_ids.tolist() for document in golden_preprocessed(name, max_length=300)[:4]]
    assert ([document.input_ids.tolist() for document in again] == without_space) == (name == "bert")
    with torch.no_grad():
        assert torch.equal(score(model, model.collate(again)), expected)


def test_transformers_own_way_of_saving_and_loading_works(tmp_path: Path) -> None:
    model, batch = golden_model("bert"), golden_batch("bert", [0])
    model.save_pretrained(tmp_path)
    loaded = AtlopModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(score(loaded, batch), score(model, batch))


def test_the_auto_classes_of_transformers_know_the_model(saved: Path) -> None:
    config, loaded = AutoConfig.from_pretrained(saved), AutoModel.from_pretrained(saved).eval()

    assert isinstance(config, AtlopConfig)
    assert isinstance(loaded, AtlopModel)
    assert json.loads((saved / "config.json").read_text(encoding="utf-8"))["id2label"] == {
        str(class_id): label for class_id, label in enumerate(["TH", *golden_vocabulary().relations])
    }
    batch = golden_batch("bert", [0])
    with torch.no_grad():
        assert torch.equal(score(loaded, batch), score(golden_model("bert"), batch))


def test_a_model_is_no_encoder(saved: Path) -> None:
    with pytest.raises(AtlopError, match=r"encoder .*model': is an atlop model; to train it further, set trainer\."):
        load_encoder(str(saved))


def test_a_model_on_a_model_is_refused(saved: Path) -> None:
    path = saved / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "encoder": config}), encoding="utf-8")

    with pytest.raises(AtlopError, match=r"model .*model' cannot be loaded"):
        load_model(saved)


def test_the_weights_are_safetensors_and_nothing_is_pickled(saved: Path) -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in saved.iterdir()}
    assert not [path for path in saved.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".pth"}]
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "atlop"
    assert config["sections"]["objective"]["max_relations"] == 4


def test_pretrained_weights_of_the_encoder_survive_new_layers(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    pretrained = AutoModel.from_pretrained(folder).state_dict()
    found = model_on(folder).encoder.state_dict()
    assert found
    assert all(torch.equal(value, pretrained[name]) for name, value in found.items())
    assert {name for name in pretrained if not name.startswith("pooler.")} == set(found)


def test_new_layers_start_as_pytorch_starts_linear_layers(tmp_path: Path) -> None:
    vocabulary = RelationVocabulary(relations=tuple(f"P{number}" for number in range(1, 97)), names={})
    torch.manual_seed(0)
    model = model_on(save_tiny_encoder(tmp_path), vocabulary=vocabulary, classifier=ClassifierConfig())
    layers = model.classifier
    assert layers.bilinear.weight.shape == (97, 49152)
    assert layers.bilinear.weight.std().item() == pytest.approx((3 * 49152) ** -0.5, rel=0.01)
    assert layers.bilinear.weight.std().item() == pytest.approx(0.0026, abs=5e-5)
    assert layers.bilinear.weight.abs().max() <= 49152**-0.5
    for projection in (layers.subject_projection, layers.object_projection):
        assert projection.weight.shape == (768, 64)
        assert projection.weight.std().item() == pytest.approx((3 * 64) ** -0.5, rel=0.02)
    assert layers.bilinear.bias.abs().max() > 0


def test_an_encoder_without_its_weights_starts_as_transformers_starts_it(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)  # whose configuration asks for a deviation of 0.3
    weights = model_on(folder, pretrained=False).encoder.state_dict()
    assert weights["embeddings.word_embeddings.weight"].std().item() == pytest.approx(0.3, rel=0.05)
    assert weights["encoder.layer.0.attention.self.query.weight"].std().item() == pytest.approx(0.3, rel=0.1)


def test_an_encoder_that_is_not_there_is_named() -> None:
    with pytest.raises(AtlopError, match=r"encoder '/nowhere/at/all' cannot be loaded"):
        model_on("/nowhere/at/all")


def test_an_encoder_folder_without_weights_is_refused(tmp_path: Path) -> None:
    save_tiny_encoder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(AtlopError, match=r"encoder .* cannot be loaded"):
        model_on(str(tmp_path))


def test_an_encoder_with_damaged_weights_is_refused(tmp_path: Path) -> None:
    save_tiny_encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(AtlopError, match=r"encoder .* cannot be loaded"):
        model_on(str(tmp_path))


def test_a_block_size_that_does_not_divide_the_representation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"classifier\.block_size: 48 does not divide representation_size 64"):
        model_on(str(tmp_path), classifier=ClassifierConfig(representation_size=64, block_size=48))


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"model .*missing.* cannot be loaded"):
        load_model(tmp_path / "missing")


def test_a_folder_that_holds_only_an_encoder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"does not describe an atlop model|cannot be loaded"):
        load_model(save_tiny_encoder(tmp_path))


def test_a_model_with_damaged_weights_is_refused(saved: Path) -> None:
    whole = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AtlopError, match=r"model .* cannot be loaded"):
        load_model(saved)


def test_a_model_that_lacks_a_weight_is_refused_rather_than_filled_up_at_random(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    del weights["classifier.bilinear.weight"]
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AtlopError, match=r"classifier\.bilinear\.weight"):
        load_model(saved)


def test_a_model_with_a_weight_of_the_wrong_shape_is_refused(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    weights["classifier.bilinear.weight"] = torch.zeros(3, 3)
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AtlopError, match=r"classifier\.bilinear\.weight"):
        load_model(saved)


def test_a_new_model_starts_from_the_weights_of_an_earlier_one(saved: Path) -> None:
    model, batch = untrained_golden_model("bert").eval(), golden_batch("bert", [0, 3])
    start_from(model, saved)
    with torch.no_grad():
        assert torch.equal(score(model, batch), score(golden_model("bert"), batch))


def test_a_start_takes_classes_of_the_same_name_wherever_they_are(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known, batch = golden_vocabulary().relations, golden_batch("bert", [0, 3])
    relations = ("P9999", *known[:-2][::-1])
    model = model_on(str(GOLDEN / "bert"), vocabulary=RelationVocabulary(relations, {}), pretrained=False).eval()
    new_row = model.state_dict()["classifier.bilinear.weight"][1].clone()
    with caplog.at_level(logging.INFO, logger="atlop.model_folder.start"):
        start_from(model, saved)
    assert torch.equal(model.state_dict()["classifier.bilinear.weight"][1], new_row)
    columns = [0, *(1 + known.index(relation) for relation in relations[1:])]  # TH first
    with torch.no_grad():
        found, trained = score(model, batch)[:, [0, *range(2, len(relations) + 1)]], score(golden_model("bert"), batch)
    assert torch.allclose(found, trained[:, columns], atol=1e-6)
    [message] = [record.message for record in caplog.records]
    assert f"{len(known) - 2} of both are taken over" in message
    assert f"start anew: P9999; there alone, so that they are left out: {known[-2]}, {known[-1]}" in message


def test_a_start_with_other_sizes_is_refused(saved: Path) -> None:
    smaller = model_on(
        str(GOLDEN / "bert"), classifier=ClassifierConfig(representation_size=32, block_size=16), pretrained=False
    )
    with pytest.raises(AtlopError, match=r"another encoder or other sizes than this run: .*classifier"):
        start_from(smaller, saved)


def test_a_run_folder_works_wherever_a_model_folder_does(saved: Path, tmp_path: Path) -> None:
    run, batch = tmp_path / "run", golden_batch("bert", [0])
    run.mkdir()
    saved.rename(run / "best")
    expected = score(golden_model("bert"), batch)
    started = untrained_golden_model("bert").eval()
    start_from(started, run)
    with torch.no_grad():
        for model in (load_model(run)[0], RelationExtractor.from_pretrained(run).model, started):
            assert torch.equal(score(model, batch), expected)
    shutil.rmtree(run / "best")
    with pytest.raises(AtlopError, match=r"run: holds no model: neither best/"):
        load_model(run)


def test_without_markers_a_tokenizer_needs_no_token_for_them(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path / "encoder")
    word_tokenizer(["Ada"], marker=False).save_pretrained(folder)
    with pytest.raises(AtlopError, match=r"has no token for the mention marker"):
        load_encoder(folder)
    encoder = load_encoder(folder, model_config=ModelConfig(preprocessing=PreprocessingConfig(markers="none")))
    model = new_model(encoder, vocabulary=golden_vocabulary())
    save_model(tmp_path / "model", model=model, tokenizer=encoder.tokenizer)
    loaded, _ = load_model(tmp_path / "model")
    assert loaded.config.model.preprocessing.markers == "none"
