"""The ways from one's own data to a model work as README and the tutorial have them."""

from pathlib import Path

import pytest

from atlop.corpora import read_corpus
from tests.documentation import DOCS, README, blocks, commands
from tests.test_cli import run

FORMATS = DOCS / "formats.md"
TUTORIAL = DOCS / "tutorial_own_data.md"
TEXT = "Skai TV is Greek. It is based in Piraeus."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the page's files and what its commands make of them."""
    monkeypatch.chdir(tmp_path)
    [config], [mentions, relations] = (blocks(language, page=TUTORIAL) for language in ("toml", "csv"))
    (tmp_path / "own.toml").write_text(config, encoding="utf-8")
    for split in ("train", "dev"):
        texts = tmp_path / split / "texts"
        texts.mkdir(parents=True)
        (texts / "skai.txt").write_bytes(TEXT.encode())
        (texts / "other.txt").write_bytes(b"Nothing is\r\nnamed here.")
        (tmp_path / split / "mentions.csv").write_text(mentions, encoding="utf-8")
        (tmp_path / split / "relations.csv").write_text(relations, encoding="utf-8-sig")
        assert f"atlop convert {split} {split}.jsonl" in commands(TUTORIAL)
        run("convert", split, f"{split}.jsonl")
    return tmp_path


def test_spreadsheets_become_a_line_for_each_text(folder: Path) -> None:
    other, skai = read_corpus(folder / "train.jsonl", format="jsonl").documents

    assert (other.title, other.text, other.entities, other.facts) == (
        "other",
        "Nothing is\r\nnamed here.",
        (),
        (),
    )
    assert [[mention.name for mention in entity.mentions] for entity in skai.entities] == [
        ["Skai TV", "It"],
        ["Piraeus"],
    ]
    assert [entity.identifier for entity in skai.entities] == ["Skai TV", "Piraeus"]
    assert [fact.key for fact in skai.facts or ()] == [(0, 1, "headquarters")]


@pytest.mark.parametrize(("page", "section"), [(README, "Your own text"), (FORMATS, "JSON lines")])
def test_the_line_of_json_is_a_document(page: Path, section: str, tmp_path: Path) -> None:
    [line] = blocks("json", page=page, section=section)
    path = tmp_path / "train.jsonl"
    path.write_text(" ".join(line.splitlines()), encoding="utf-8")

    [document] = read_corpus(path).documents

    assert [[mention.name for mention in entity.mentions] for entity in document.entities] == [
        ["Skai TV", "It"],
        ["Piraeus"],
    ]
    assert [(fact.subject, fact.object) for fact in document.facts or ()] == [(0, 1)]
