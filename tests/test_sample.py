"""The sample that comes with the package works at once, offline, in any folder."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from atlop import evaluate, sample
from atlop.config_files import load_config
from tests.documentation import blocks
from tests.test_cli import run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_example_of_the_readme_prints_facts(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = blocks("python", page=README, section="Try it")

    exec(example, {})

    lines = capsys.readouterr().out.splitlines()
    assert set(lines) == {
        "Margaret Skavov | place of birth | Grontfield | She came into the world in Grontfield.",
        "The Salted Cradle | author | Margaret Skavov | Margaret Skavov penned The Salted Cradle in 1853.",
    }


def test_it_is_extracted_from_without_a_file(tmp_path: Path) -> None:
    output, _ = run("extract", "sample", "--json")

    assert json.loads(output)["documents"] == len(sample.TEXTS.read_text(encoding="utf-8").splitlines())
    assert json.loads(output)["facts"] > 50
    assert (tmp_path / "texts.facts.jsonl").is_file()


def test_its_submission_has_evidence_and_is_valid(tmp_path: Path) -> None:
    run("predict", "sample", ROOT / "data/sample/dev.json", "--output", tmp_path / "result.json")

    rows = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert sum("evidence" in row for row in rows) > len(rows) / 2
    checked, _ = run("check", tmp_path / "result.json", "--against", ROOT / "data/sample/dev.json")
    assert f"{tmp_path / 'result.json'}: submission, valid" in checked


def test_another_model_needs_a_file() -> None:
    assert "INPUT is missing" in run("extract", "runs/mine", code=2)[1]


def test_a_folder_of_that_name_goes_first(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()

    assert "holds no model" in run("extract", "sample", code=2)[1]


def test_it_says_that_it_is_a_toy_and_is_small() -> None:
    card = ModelCard.load(sample.MODEL / "README.md")
    assert "A toy" in card.text
    assert (card.data.language, card.data.pipeline_tag) == ("en", "text-classification")
    assert sum(file.stat().st_size for file in sample.MODEL.iterdir()) < 3_000_000


def test_its_corpus_is_found_in_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "atlop" / "sample"
    (installed / "corpus").mkdir(parents=True)
    (installed / "corpus" / "train.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr(sample, "__file__", str(installed / "__init__.py"))

    config = load_config("sample")

    assert config.data.train == installed / "corpus" / "train.json"
    assert config.data.dev == Path("data/sample/dev.json")


def test_its_corpus_is_found_in_a_checkout() -> None:
    assert load_config("sample").data.dev == ROOT / "data" / "sample" / "dev.json"
    assert sample.located("data/other/dev.json") == "data/other/dev.json"


def test_it_scores_what_its_card_says() -> None:
    scores = evaluate("sample", ROOT / "data" / "sample" / "dev.json").scores

    card = (sample.MODEL / "README.md").read_text(encoding="utf-8")
    assert scores.f1 is not None
    assert f"dev documents: {100 * scores.f1:.1f}" in card  # the second decimal may differ between machines
