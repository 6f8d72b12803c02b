"""The ways from text to facts work as README and `docs/inference.md` have them."""

from pathlib import Path

import pytest

from atlop.model_folder import save_model
from tests.documentation import DOCS, README, blocks
from tests.golden_values import golden_model, golden_tokenizer

INFERENCE = DOCS / "inference.md"
TUTORIAL = DOCS / "tutorial_text.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with models where the pages have them."""
    monkeypatch.chdir(tmp_path)
    for run_name in ("own", "sample"):
        (tmp_path / "runs" / run_name).mkdir(parents=True)
        save_model(
            tmp_path / "runs" / run_name / "best", model=golden_model("bert"), tokenizer=golden_tokenizer("bert")
        )
    return tmp_path


def test_the_python_of_the_tutorial_prints_facts(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile("\n".join(blocks("python", page=TUTORIAL)), TUTORIAL.name, "exec"), {})

    printed = capsys.readouterr().out
    assert "The Bitter Inkwell | author | Ruth Nertley | " in printed
    assert "'name': 'Thaldessa'" in printed


def test_the_third_door_of_readme_prints_a_fact(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("python", page=README, section="Python")

    exec(compile(code, README.name, "exec"), {})

    assert "'name': 'Thaldessa'" in capsys.readouterr().out


def test_the_example_from_python_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("python", page=INFERENCE, section="From Python")
    assert len(code.splitlines()) <= 10 + 1  # a blank line

    exec(compile(code, INFERENCE.name, "exec"), {})

    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Skai TV ") for line in printed)
    assert printed[-1].startswith("{'document': 1,")


def test_the_example_with_a_recogniser_of_ones_own_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("python", page=INFERENCE, section="Plain text")

    exec(compile(code, INFERENCE.name, "exec"), {})

    assert "Skai TV | " in capsys.readouterr().out


def test_the_example_with_spacy_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    import atlop.inference.spacy_pipe  # noqa: F401  # the entry point of an installed package does it

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "ORG", "pattern": "Skai TV"}, *({"label": "LOC", "pattern": name} for name in ("Piraeus", "Greece"))]
    )
    monkeypatch.setattr(spacy, "load", lambda name: nlp)  # in the place of a pipeline that has to be downloaded

    [code] = blocks("python", page=INFERENCE, section="spaCy")
    exec(compile(code, INFERENCE.name, "exec"), {})

    first, second = capsys.readouterr().out.splitlines()
    assert "'name': 'Skai TV'" in first
    assert "'name': 'Greece'" in second
