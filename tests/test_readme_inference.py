"""The ways from text to facts work as README and `docs/inference.md` have them."""

import json
import shlex
from pathlib import Path

import pytest

from atlop.model_folder import save_model
from tests.documentation import DOCS, README, blocks
from tests.golden_values import golden_documents, golden_model, golden_tokenizer
from tests.inference.texts import plain_row
from tests.test_cli import run

INFERENCE = DOCS / "inference.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with models where the pages have them and a file of texts."""
    monkeypatch.chdir(tmp_path)
    for run_name in ("own", "sample"):
        (tmp_path / "runs" / run_name).mkdir(parents=True)
        save_model(
            tmp_path / "runs" / run_name / "best", model=golden_model("bert"), tokenizer=golden_tokenizer("bert")
        )
    rows = [json.dumps(plain_row(golden_documents()[index])) for index in (0, 6)]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


def test_the_commands_that_make_facts_of_text_run(folder: Path) -> None:
    pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")
    *commands, push = blocks("bash", page=INFERENCE, section="Files of text")[0].splitlines()
    assert push.startswith("atlop push ")  # tests/test_cli_inference.py runs one

    for command in commands:
        run(*shlex.split(command)[1:])

    made = {path.name for path in folder.iterdir()}
    assert {"facts.jsonl", "facts.parquet", "graph.graphml", "graph.nt"} <= made


@pytest.mark.parametrize("page", [README, INFERENCE], ids=lambda page: str(page.name))
def test_the_example_from_python_runs(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("python", page=page, section="From Python")
    assert len(code.splitlines()) <= 10 + 1  # a blank line

    exec(compile(code, page.name, "exec"), {})

    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Skai TV ") for line in printed)
    assert page == README or printed[-1].startswith("{'document': 1,")


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
