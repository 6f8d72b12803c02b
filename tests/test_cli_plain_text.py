"""`atlop extract`, `atlop evaluate --end-to-end` on plain text."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from atlop.files import hidden_path
from atlop.model_folder import save_model
from tests.golden_values import golden_model, golden_tokenizer
from tests.inference.test_recognition import ENTITIES, TEXT
from tests.test_cli import run, values_of

NER = ("--ner", "tests.inference.recognisers:known_names")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of three texts and a file that is none."""
    folder = tmp_path / "texts"
    (folder / "more").mkdir(parents=True)
    (folder / "b.v2.txt").write_text(TEXT, encoding="utf-8-sig")
    (folder / "a.txt").write_bytes("Köln".encode("latin-1"))
    (folder / "more" / "c.txt").write_text("", encoding="utf-8")
    (folder / "notes.md").write_text(TEXT, encoding="utf-8")
    return folder


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def facts_of_given_entities(model: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """Return the facts of the text with its entities."""
    file = tmp_path / "given.jsonl"
    file.write_text(json.dumps({"text": TEXT, "entities": ENTITIES}), encoding="utf-8")
    run("extract", model, file, "--output", tmp_path / "given.facts.jsonl")
    [row] = lines_of(tmp_path / "given.facts.jsonl")
    assert row["facts"]
    return list(row["facts"])


def close_to(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what equals facts but for the last digits of margins and shares, which hang on the batch."""
    return [
        fact
        | {"margin": pytest.approx(fact["margin"], abs=2e-5)}
        | {"evidence": [each | {"share": pytest.approx(each["share"], abs=2e-5)} for each in fact["evidence"]]}
        for fact in facts
    ]


def test_a_folder_of_texts_gives_a_line_each_in_the_order_of_their_paths(
    model: Path, texts: Path, tmp_path: Path
) -> None:
    output, _ = run("extract", model, texts, *NER, "--output", tmp_path / "facts.jsonl")

    rows = lines_of(tmp_path / "facts.jsonl")
    assert values_of(output)["documents"] == "3"
    assert rows[0] == {"document": 0, "error": f"{texts / 'a.txt'}: byte 1 is not UTF-8; save the file as UTF-8"}
    assert (rows[1]["title"], rows[1]["facts"]) == ("b.v2", close_to(facts_of_given_entities(model, tmp_path)))
    assert (rows[2]["title"], rows[2]["facts"]) == ("more/c", [])


@pytest.mark.parametrize("kind", ["txt", "jsonl", "stdin text", "stdin jsonl"])
def test_a_text_file_lines_of_text_and_standard_input_are_taken(kind: str, model: Path, tmp_path: Path) -> None:
    content = TEXT if kind in ("txt", "stdin text") else json.dumps({"text": TEXT}) + "\n{\n"
    file = tmp_path / f"texts.{kind}"
    file.write_text(content, encoding="utf-8")
    given = facts_of_given_entities(model, tmp_path)
    source = "-" if kind.startswith("stdin") else file

    run("extract", model, source, *NER, "--output", tmp_path / "facts.jsonl", stdin=content)

    rows = lines_of(tmp_path / "facts.jsonl")
    assert rows[0]["facts"] == close_to(given)
    if content != TEXT:
        name = "standard input" if kind.startswith("stdin") else str(file)
        assert rows[1]["error"].startswith(f"{name}, line 2, column 2: not valid JSON")


@pytest.mark.parametrize("start", ["[Skai TV] ", "{Skai TV} ", "[1, 2] ", "[", "{"])
@pytest.mark.parametrize("is_piped", [False, True])
def test_a_text_may_begin_with_a_bracket(start: str, is_piped: bool, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text(start + TEXT, encoding="utf-8")
    source = "-" if is_piped else file

    run("extract", model, source, *NER, "--output", tmp_path / "facts.jsonl", stdin=start + TEXT)

    [row] = lines_of(tmp_path / "facts.jsonl")
    assert row["facts"]


def test_json_lines_in_a_file_of_text_are_refused(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text(json.dumps({"text": TEXT}) + "\n", encoding="utf-8")

    problem = run("extract", model, file, *NER, "--output", tmp_path / "facts.jsonl", code=2)[1]

    assert f"{file}: holds JSON lines, but a .txt file is read as one text; rename it to .jsonl" in problem


def test_the_facts_of_the_working_directory_have_its_name(
    model: Path, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(texts)

    run("extract", model, ".", *NER)

    assert len(lines_of(texts / "texts.facts.jsonl")) == 3


def test_a_stopped_extraction_of_texts_goes_on_but_not_with_another_recogniser(
    model: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "facts.jsonl"
    run("extract", model, texts, *NER, "--output", tmp_path / "whole.jsonl")
    monkeypatch.setattr("atlop.inference.parts.DOCUMENTS_PER_PART", 1)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules["atlop.inference.parts"].WRITERS, ".jsonl", stopping)
        run("extract", model, texts, *NER, "--output", output, code=130)
    parts = hidden_path(output, suffix=".parts")
    assert len(list(parts.glob("part-*"))) == 3

    assert "with another ner" in run("extract", model, texts, "--ner", "json:dumps", "--output", output, code=2)[1]
    resumed, _ = run("extract", model, texts, *NER, "--output", output)

    assert values_of(resumed)["computed by this process now"] == "0"
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def stopping(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be_read_says_what_is_expected(model: Path, texts: Path, golden: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "facts.jsonl")
    empty = tmp_path / "empty"
    empty.mkdir()

    assert "plain text has no entities; name a recogniser" in run("extract", model, texts, *output, code=2)[1]
    assert "is a folder without .txt files" in run("extract", model, empty, *NER, *output, code=2)[1]
    assert "is not JSON lines" in run("extract", model, golden / "documents.json", *NER, *output, code=2)[1]
    assert "no such file" in run("extract", model, tmp_path / "none.txt", *NER, *output, code=2)[1]
    problem = run("extract", model, texts, "--ner", "spacy", *output, code=2)[1]
    assert "ner 'spacy': expected spacy:NAME, transformers:NAME or MODULE:FUNCTION" in problem
    assert not (tmp_path / "facts.jsonl").exists()
