"""A damaged model folder, encoder or released checkpoint is loaded as what it says, or refused with one message."""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atlop.config import ClassifierConfig, ModelConfig
from atlop.decoding import Decision, Probability
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.model_folder import (
    classifier_sizes,
    load_encoder,
    load_model,
    load_released,
    new_model,
    preprocessor_for,
    save_model,
    store_decision,
)
from atlop.prediction import predict_facts
from tests.damage import Draw, damaged_bytes, damaged_json, damaged_safetensors, files_in, outcome_of
from tests.golden_values import (
    CLASSIFIER,
    GOLDEN,
    golden_documents,
    golden_model,
    golden_tokenizer,
    golden_vocabulary,
    untrained_golden_model,
)
from tests.made_documents import document
from tests.tiny_encoders import save_tiny_encoder

RELEASED = GOLDEN / "bert/released_style_checkpoint.pt"
SHORT = document("Ada met Bob in Rome", entities=[[(0, 0, 1)], [(0, 2, 3)], [(0, 4, 5)]])
LONG = golden_documents()[0]
fewer = settings(max_examples=max(5, settings().max_examples // 2))  # a model takes a tenth of a second to load


@cache
def valid_model() -> Path:
    folder = Path(tempfile.mkdtemp()) / "model"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    thresholds = dict.fromkeys(golden_vocabulary().relations, 0.5)
    probability = Probability(slope=1.0, intercept=0.0)
    store_decision(folder, Decision(use="per_class", offset=0.25, per_class=thresholds, probability=probability))
    return folder


@cache
def valid_encoder() -> Path:
    return Path(save_tiny_encoder(Path(tempfile.mkdtemp())))


def contents(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def changed_config(change: Callable[[dict[str, Any]], object]) -> bytes:
    config = contents(valid_model(), "config.json")
    change(config)
    return json.dumps(config).encode()


def predict(folder: Path) -> None:
    model, tokenizer = load_model(folder)
    features = list(preprocessor_for(model, tokenizer).preprocess([SHORT, LONG]))
    predict_facts(model, features, accelerator=accelerator_for("float32"))


def make(folder: Path) -> None:
    encoder = load_encoder(str(folder), model_config=ModelConfig(classifier=CLASSIFIER))
    new_model(encoder, vocabulary=golden_vocabulary())


@st.composite
def damaged_file_in(draw: Draw, folder: Path) -> tuple[str, bytes]:
    """Change bytes of a file, or values if it is JSON."""
    name = draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
    changed = damaged_bytes((folder / name).read_bytes())
    return name, draw(changed | damaged_json(contents(folder, name)) if name.endswith(".json") else changed)


def look_at(valid: Path, name: str, content: bytes, *, use: Callable[[Path], None]) -> AtlopError | None:
    """Use a folder in which one file has another content."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        shutil.copytree(valid, folder)
        before = files_in(folder)
        (folder / name).write_bytes(content)
        found = outcome_of(lambda: use(folder), size=sum(file.stat().st_size for file in folder.iterdir()))
        assert files_in(folder) == before | {name}
    return found


@fewer
@given(content=st.deferred(lambda: damaged_json(contents(valid_model(), "config.json"))))
@example(content=changed_config(lambda config: config.update(num_labels=10**9)))
@example(content=changed_config(lambda config: config["encoder"].update(num_labels=10**9)))
@example(content=changed_config(lambda config: config["encoder"].update(num_hidden_layers=10**9)))
@example(content=changed_config(lambda config: config["encoder"].update(vocab_size=10**11)))
@example(content=changed_config(lambda config: config["sections"]["classifier"].update(representation_size=64 * 10**7)))
@example(content=changed_config(lambda config: config["encoder"].update(return_dict=False)))
@example(content=changed_config(lambda config: config["encoder"].update(chunk_size_feed_forward=7)))
@example(content=changed_config(lambda config: config["encoder"].update(max_position_embeddings=1)))
@example(content=changed_config(lambda config: config.update(window_start=[10**6])))
def test_model_configurations_with_changed_values(content: bytes) -> None:
    look_at(valid_model(), "config.json", content, use=predict)


@fewer
@given(data=st.data(), name=st.sampled_from(("tokenizer.json", "tokenizer_config.json")))
def test_tokenizers_with_changed_values(data: st.DataObject, name: str) -> None:
    content = data.draw(damaged_json(contents(valid_model(), name)))
    look_at(valid_model(), name, content, use=predict)


@fewer
@given(data=st.data())
def test_weights_with_changed_headers_and_bytes(data: st.DataObject) -> None:
    content = data.draw(damaged_safetensors((valid_model() / "model.safetensors").read_bytes()))
    look_at(valid_model(), "model.safetensors", content, use=predict)


@fewer
@given(data=st.data())
def test_model_folders_with_changed_bytes(data: st.DataObject) -> None:
    name, content = data.draw(damaged_file_in(valid_model()))
    look_at(valid_model(), name, content, use=predict)


def test_an_encoder_whose_number_format_is_none_is_refused() -> None:
    config = contents(valid_encoder(), "config.json") | {"dtype": {"a": 1}}

    problem = look_at(valid_encoder(), "config.json", json.dumps(config).encode(), use=make)

    assert "encoder" in str(problem)
    assert "cannot be loaded" in str(problem)


@fewer
@given(data=st.data(), name=st.sampled_from(("config.json", "tokenizer.json", "tokenizer_config.json")))
def test_encoders_with_changed_values(data: st.DataObject, name: str) -> None:
    look_at(valid_encoder(), name, data.draw(damaged_json(contents(valid_encoder(), name))), use=make)


@fewer
@given(content=damaged_bytes(RELEASED.read_bytes()))
def test_released_checkpoints_with_changed_bytes(content: bytes) -> None:
    look_at_released(content)


def look_at_released(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(content)
        sizes = outcome_of(lambda: classifier_sizes(path), size=len(content))
        if isinstance(sizes, ClassifierConfig):
            return outcome_of(lambda: load_released(untrained_golden_model("bert"), path), size=len(content))
        return sizes


@pytest.mark.parametrize("name", ["num_hidden_layers", "num_labels"])
def test_a_configuration_that_asks_for_a_billion_is_refused_before_anything_is_made(name: str) -> None:
    content = changed_config(lambda config: config["encoder"].update({name: 10**9}))

    problem = look_at(valid_model(), "config.json", content, use=predict)

    assert f"config.json, encoder, {name}: is 1000000000; expected at most 1" in str(problem)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("context_pooling", "localised", "context_pooling: unknown key; did you mean sections.pooling.context?"),
        ("mention_pooling", "max", "mention_pooling: unknown key; did you mean sections.pooling.mentions?"),
        ("markres", "none", "markres: unknown key; did you mean sections.preprocessing.markers?"),
        ("sections", {"pooling": {"context": "localised"}}, "sections.pooling.context: Input should be 'localized'"),
        ("sections", {"pooling": {"mentions": "max"}}, "pooling.mentions: 'max' is not known; known are logsumexp"),
        ("sections", {"heads": {"nothing": {}}}, "heads: 'nothing' is not known"),
    ],
)
def test_a_setting_that_is_misplaced_or_not_known_is_refused_by_name(key: str, value: object, message: str) -> None:
    problem = look_at(
        valid_model(), "config.json", changed_config(lambda config: config.update({key: value})), use=predict
    )

    assert f"config.json, {message}" in str(problem)


def test_an_encoder_that_lacks_weights_is_refused_rather_than_filled_up_at_random() -> None:
    config = contents(valid_encoder(), "config.json") | {"num_hidden_layers": 3}

    problem = look_at(valid_encoder(), "config.json", json.dumps(config).encode(), use=make)

    assert "of the weights that its config.json expects are missing: encoder.layer.2." in str(problem)


@pytest.mark.parametrize("shape", [(10**9, 0), (10**9, 1)])
def test_a_checkpoint_that_states_more_than_it_holds_is_refused(shape: tuple[int, int], tmp_path: Path) -> None:
    state = torch.load(RELEASED, weights_only=True)
    state["head_extractor.weight"] = torch.zeros(1, 1)[:, : shape[1]].expand(shape)
    torch.save(state, tmp_path / "model.pt")

    with pytest.raises(AtlopError, match=r"head_extractor\.weight: has shape \[1000000000, .\], but stores"):
        classifier_sizes(tmp_path / "model.pt")
