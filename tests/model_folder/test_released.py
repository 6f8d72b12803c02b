"""Checkpoints in the released naming fill a model, or are refused by name."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from atlop.errors import AtlopError
from atlop.model_folder import classifier_sizes, load_released
from tests.golden_values import CLASSIFIER, GOLDEN, each_encoder, golden_batch, untrained_golden_model


def released(name: str = "bert") -> dict[str, Tensor]:
    path = GOLDEN / name / "released_style_checkpoint.pt"
    state: dict[str, Tensor] = torch.load(path, weights_only=True)
    return state


def load(path: Path, state: Any, name: str = "bert") -> None:
    torch.save(state, path / "checkpoint.pt")
    load_released(untrained_golden_model(name), path / "checkpoint.pt")


@each_encoder
def test_the_golden_checkpoint_loads_and_scores_as_published(name: str) -> None:
    model = untrained_golden_model(name)
    load_released(model, GOLDEN / name / "released_style_checkpoint.pt")
    with torch.no_grad():
        scores = model(golden_batch(name, [0, 1, 2])).scores
    expected = load_file(GOLDEN / name / "forward.safetensors")["short_batch.logits"]
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


@each_encoder
def test_the_buffer_of_positions_is_ignored(name: str, tmp_path: Path) -> None:
    state = released(name)
    assert "model.embeddings.position_ids" in state
    load(tmp_path, state, name)
    del state["model.embeddings.position_ids"]
    load(tmp_path, state, name)


@pytest.mark.parametrize(
    "key",
    [
        "model.encoder.layer.7.output.dense.weight",
        "something",
        "model.position_ids",
        "encoder.embeddings.word_embeddings.weight",
        "classifier.bilinear.weight",
    ],
)
def test_an_unknown_key_is_refused_by_its_own_name(key: str, tmp_path: Path) -> None:
    state = released()
    state[key] = torch.zeros(2)
    with pytest.raises(AtlopError) as caught:
        load(tmp_path, state)
    assert f"unknown: {key}" in str(caught.value)
    assert "missing" not in str(caught.value)


@pytest.mark.parametrize("key", ["head_extractor.weight", "model.embeddings.word_embeddings.weight", "bilinear.bias"])
def test_a_missing_key_is_refused_by_its_released_name(key: str, tmp_path: Path) -> None:
    state = released()
    del state[key]
    with pytest.raises(AtlopError, match=f"missing: {key}"):
        load(tmp_path, state)


def test_a_wrong_shape_is_refused_with_both_shapes(tmp_path: Path) -> None:
    state = released()
    state["bilinear.weight"] = torch.zeros(97, 1024)
    with pytest.raises(AtlopError, match=r"bilinear\.weight: shape \[97, 1024\], but the model has \[7, 1024\]"):
        load(tmp_path, state)


def test_a_refused_checkpoint_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    state = released()
    del state["bilinear.bias"]
    torch.save(state, tmp_path / "checkpoint.pt")
    model = untrained_golden_model("bert")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(AtlopError):
        load_released(model, tmp_path / "checkpoint.pt")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Evil:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="not a checkpoint of tensors only"):
        load(tmp_path, {**released(), "evil": Evil(tmp_path / "executed")})
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("state", [[1, 2], {"epoch": 3}, {0: torch.zeros(2)}, torch.zeros(2)])
def test_what_is_no_state_dict_is_refused(state: Any, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="not a state dict"):
        load(tmp_path, state)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_text("hello", encoding="utf-8")
    with pytest.raises(AtlopError, match=r"checkpoint\.pt: not a checkpoint"):
        load_released(untrained_golden_model("bert"), tmp_path / "checkpoint.pt")
    with pytest.raises(AtlopError, match=r"missing\.pt"):
        load_released(untrained_golden_model("bert"), tmp_path / "missing.pt")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module."])
def test_the_prefix_that_a_wrapper_gave_to_all_names_is_taken_off(prefix: str, tmp_path: Path) -> None:
    torch.save({prefix + name: value for name, value in released().items()}, tmp_path / "checkpoint.pt")
    assert classifier_sizes(tmp_path / "checkpoint.pt") == CLASSIFIER
    model = untrained_golden_model("bert")
    load_released(model, tmp_path / "checkpoint.pt")
    assert torch.equal(model.classifier.bilinear.weight, released()["bilinear.weight"])


def test_a_prefix_of_only_some_names_is_refused(tmp_path: Path) -> None:
    state = {name if "bilinear" in name else f"module.{name}": value for name, value in released().items()}
    with pytest.raises(AtlopError, match=r"unknown: module\.model\.embeddings"):
        load(tmp_path, state)


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    state = {f"other.{name}": value for name, value in released().items() if "extractor" not in name}
    with pytest.raises(AtlopError, match=r"check --encoder and --relations:\n") as caught:
        load(tmp_path, state)
    lines = str(caught.value).splitlines()
    for kind in ("unknown", "missing"):
        assert sum(line.startswith(f"  {kind}: ") for line in lines) == 8
    assert [bool(re.fullmatch(r"  … and \d+ more", line)) for line in (lines[9], lines[-1])] == [True, True]
    assert len(lines) == 1 + 9 + 9
