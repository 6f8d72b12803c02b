"""`atlop relations add`, from a training with words to one that goes on from the model with a relation more."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.test_cli import run, values_of, write
from tests.test_cli_training import CONFIG

NAMES = {"P17": "country", "P6": "head of government", "P27": {"name": "citizenship", "description": "of a person"}}
FAST = ("--set", "classifier.kind=labels", "--set", "optimizer.new_layers_learning_rate=5e-3")


@pytest.fixture(scope="module")
def config(tiny_corpus: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    names = write(path.with_name("rel_info.json"), NAMES)
    text = CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder)
    path.write_text(text.replace("[data]", f'[data]\nrelation_names = "{names}"'), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with words."""
    folder = tmp_path_factory.mktemp("runs") / "words"
    run(
        "train",
        config,
        *FAST,
        "--set",
        "trainer.epochs=15",
        "--set",
        "trainer.evaluation_interval=30",
        "--output",
        folder,
    )
    return folder


def losses(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def test_a_training_with_words_learns(trained: Path) -> None:
    values = losses(trained)
    assert sum(values[-4:]) < 0.5 * sum(values[:4])


def test_a_relation_is_added_and_the_model_trained_further(
    trained: Path, config: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    output, _ = run("relations", "add", trained, "works for: a person", "--output", tmp_path / "more")

    assert values_of(output)["added"] == "works for"
    names = json.loads((tmp_path / "more" / "config.json").read_text(encoding="utf-8"))
    assert names["relations"][-1] == "works for"
    assert names["relation_descriptions"] == {"P27": "of a person", "works for": "a person"}
    card = (tmp_path / "more" / "README.md").read_text(encoding="utf-8")
    assert "## Added relations" in card
    assert "works for: a person. The model was not trained on them" in card
    run("evaluate", tmp_path / "more", tiny_corpus)

    run("train", config, *FAST, "--set", f"trainer.start_from={tmp_path / 'more'}", "--output", tmp_path / "further")

    assert losses(tmp_path / "further")[0] < 0.7 * losses(trained)[0]
    before, after = (load_file(each / "best" / "model.safetensors") for each in (trained, tmp_path / "further"))
    assert torch.equal(before["classifier.label_vectors"], after["classifier.label_vectors"])
    assert not torch.equal(before["classifier.label_map.weight"], after["classifier.label_map.weight"])


def test_names_and_descriptions_may_come_from_a_file(trained: Path, tmp_path: Path) -> None:
    names = write(tmp_path / "rel_info.json", {"P57": "director", "P19": {"name": "birth place"}})

    output, _ = run(
        *("relations", "add", trained, "P57", "P19: of a person", "--relation-names", names),
        *("--output", tmp_path / "more", "--json"),
    )

    assert json.loads(output)["added"] == {"P57": "director", "P19": "birth place: of a person"}


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        (["works for: "], "relation 'works for: ': expected an id, or \"id: description\""),
        ([": a person"], "relation ': a person': expected an id"),
        (["works for", "works for: a person"], "would have works for twice"),
        (["P17"], "would have P17 twice; give only relations that it does not have"),
    ],
)
def test_what_is_no_new_relation_is_refused(relations: list[str], message: str, trained: Path, tmp_path: Path) -> None:
    _, error = run("relations", "add", trained, *relations, "--output", tmp_path / "more", code=2)

    assert message in error
    assert not (tmp_path / "more").exists()


def test_a_model_without_words_is_refused(tmp_path: Path) -> None:
    _, error = run("relations", "add", "sample", "works for: a person", "--output", tmp_path / "more", code=2)

    assert 'each of its relations has trained weights (classifier.kind = "grouped_bilinear")' in error
    assert not (tmp_path / "more").exists()
