"""Relations and documents are divided into a source and a target."""

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from atlop.corpora import Corpus, find_writer, read_corpus
from scripts.split_relations import main

SAMPLE = Path(__file__).parents[1] / "data" / "sample"


def split(output: Path, *options: object) -> dict[str, Corpus]:
    arguments = [SAMPLE / "train.json", SAMPLE / "dev.json", output, *options]
    with patch.object(sys, "argv", ["split_relations.py", *map(str, arguments)]):
        main()
    names = ("source", "source_dev", "target", "target_dev")
    return {name: read_corpus(output / f"{name}.json") for name in names}


def relations(corpus: Corpus) -> set[str]:
    return {fact.relation for document in corpus for fact in document.facts or ()}


def test_each_half_has_its_documents_and_its_relations(tmp_path: Path) -> None:
    found = split(tmp_path / "first", "--source-documents", 7)
    train, dev = (read_corpus(SAMPLE / f"{name}.json") for name in ("train", "dev"))

    titles = {name: [document.title for document in corpus] for name, corpus in found.items()}
    assert len(titles["source"]) == 7
    assert sorted(titles["source"] + titles["target"]) == sorted(document.title for document in train)
    assert titles["source_dev"] == titles["target_dev"] == [document.title for document in dev]
    assert not relations(found["source"]) & relations(found["target"])
    assert abs(len(relations(found["source_dev"])) - len(relations(found["target_dev"]))) <= 1
    for whole, first, second in zip(dev, found["source_dev"], found["target_dev"], strict=True):
        assert {*(first.facts or ()), *(second.facts or ())} == set(whole.facts or ())


def test_a_seed_gives_the_same_files_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        split(tmp_path / name, "--seed", seed)

    first, again, other = ((tmp_path / name / "target.json").read_bytes() for name in ("first", "again", "other"))
    assert first == again != other


@pytest.mark.parametrize("number", [0, 10_000])
def test_a_source_without_documents_or_with_all_is_refused(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        split(tmp_path / "out", "--source-documents", number)

    assert "--source-documents: expected from 1 to " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_undirected_documents_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = replace(read_corpus(SAMPLE / "train.json").documents[0], directed=False)
    find_writer(tmp_path / "train.jsonl", format="jsonl")(tmp_path / "train.jsonl", documents=[document, document])
    arguments = [tmp_path / "train.jsonl", SAMPLE / "dev.json", tmp_path / "out"]

    with patch.object(sys, "argv", ["split_relations.py", *map(str, arguments)]), pytest.raises(SystemExit, match="2"):
        main()

    assert "cannot say undirected" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
