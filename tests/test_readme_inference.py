"""README's ways from text to facts work as they stand there, and all its commands exist."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from atlop.cli import app
from atlop.model_folder import save_model
from tests.golden_values import golden_documents, golden_model, golden_tokenizer
from tests.inference.texts import plain_row
from tests.test_cli import run
from tests.test_readme_own_data import README, blocks

COMMANDS = [
    line
    for line in README.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    if line.startswith("atlop ") and "…" not in line
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_readme_is_one_that_exists(line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    group: Any = typer.main.get_command(app)
    name, command, rest = group.resolve_command(click.Context(group), arguments)

    context = command.make_context(name, list(rest))  # options and arguments are taken apart, nothing is run

    assert context.params


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with models where README has them and a file of texts."""
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
    *commands, push = blocks("bash", section="Facts from text")[0].splitlines()
    assert push.startswith("atlop push ")  # tests/test_cli_inference.py runs one

    for command in commands:
        run(*shlex.split(command)[1:])

    made = {path.name for path in folder.iterdir()}
    assert {"facts.jsonl", "facts.parquet", "graph.graphml", "graph.nt"} <= made


def test_the_example_from_python_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("python", section="From Python")
    assert len(code.splitlines()) <= 10 + 1  # a blank line

    exec(compile(code, "README.md", "exec"), {})

    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith("{'document': 1,")
    assert any(line.startswith("Skai TV ") for line in printed)


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

    exec(compile(blocks("python", section="Facts from text")[0], "README.md", "exec"), {})

    first, second = capsys.readouterr().out.splitlines()
    assert "'name': 'Skai TV'" in first
    assert "'name': 'Greece'" in second
