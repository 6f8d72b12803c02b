"""Each format has a name, and a file's format is found by name or by looking."""

import json
from pathlib import Path

import pytest

from atlop.corpora import (
    FORMATS,
    CorpusFile,
    find_format,
    find_writer,
    published_corpora,
    read_corpus,
    writable_formats,
)
from atlop.errors import AtlopError
from atlop.files import file_sha256
from tests.corpora.formats import toy_format
from tests.documentation import DOCS, text_of

LINE = '{"text": "Ada left.", "entities": []}\n'
PUBTATOR = "1|t|Ada left\n1|a|\n1\t0\t3\tAda\tChemical\tD1\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_page_of_formats_lists_every_format() -> None:
    text = text_of(DOCS / "formats.md").partition("\n## Corpora\n")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in text.splitlines()]
    listed = {name.strip(" `"): row[4].strip() == "✓" for row in rows if len(row) == 6 for name in row[1].split(",")}

    assert {name for name in listed if name in FORMATS} == set(FORMATS)
    assert {name for name, written in listed.items() if written} == {*writable_formats(), "pubtator:SCHEME.toml"}


def test_every_format_stands_under_its_name_and_says_how_it_is_recognised() -> None:
    assert all(format.name == name for name, format in FORMATS.items())
    assert all((format.matches is None) == (format.description == "") for format in FORMATS.values())


def test_a_format_is_one_module_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "toy", toy_format.TOY)
    path, own = write(tmp_path / "a.txt", "toy\nAda left .\nBob came .\n"), write(tmp_path / "a.toy", "?")

    assert [CorpusFile(file).format for file in (path, own)] == ["toy", "toy"]
    assert [document.title for document in read_corpus(path)] == ["Ada", "Bob"]
    find_writer(tmp_path / "b.txt", format="toy")(tmp_path / "b.txt", documents=read_corpus(path))
    assert (tmp_path / "b.txt").read_bytes() == path.read_bytes()
    assert published_corpora()["toys"].title == "Toys"
    with pytest.raises(AtlopError, match=r"\n  toy: a first line that says toy$"):
        CorpusFile(write(tmp_path / "c.txt", "?"))


def test_a_format_is_recognised_where_none_is_named(tmp_path: Path) -> None:
    lines, abstracts = write(tmp_path / "a.jsonl", LINE), write(tmp_path / "b.txt", PUBTATOR)

    assert [CorpusFile(path).format for path in (lines, abstracts)] == ["jsonl", "cdr"]
    assert [len(read_corpus(path).documents) for path in (lines, abstracts)] == [1, 1]
    assert CorpusFile(abstracts, format="biored").format == "biored"


def test_a_submission_is_no_corpus(tmp_path: Path) -> None:
    path = write(tmp_path / "result.json", '[{"h_idx": 0, "t_idx": 1, "r": "P17", "title": "Ada"}]')

    with pytest.raises(AtlopError, match=r"result\.json: is a submission; expected documents"):
        read_corpus(path)


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(AtlopError) as caught:
        CorpusFile(tmp_path / "a.txt", format="yaml")

    known = ", ".join(FORMATS)
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: unknown format 'yaml'; known: {known}, pubtator:SCHEME.toml"


def test_a_scheme_of_ones_own_is_a_format(tmp_path: Path) -> None:
    path = write(tmp_path / "b.txt", PUBTATOR + "1\t4\t8\tleft\tChemical\tD2\n")
    scheme = write(tmp_path / "own.toml", 'pairs = [["Chemical", "Chemical"]]\n')

    corpus = CorpusFile(path, format=f"pubtator:{scheme}")

    assert [document.pairs for document in corpus] == [((0, 1), (1, 0))]
    assert corpus.sha256 == {str(path): file_sha256(path), str(scheme): file_sha256(scheme)}
    assert CorpusFile(path, format="pubtator:biored").read().documents == read_corpus(path, format="biored").documents
    with pytest.raises(AtlopError, match=r"none\.toml: no such scheme file; shipped schemes: biored, cdr"):
        CorpusFile(path, format="pubtator:none.toml")


def test_the_descriptors_that_a_scheme_names_count_as_read(tmp_path: Path) -> None:
    path, tree = write(tmp_path / "b.txt", PUBTATOR), write(tmp_path / "d.bin", "*NEWRECORD\nMN = C1\nUI = D1\n")
    scheme = write(tmp_path / "own.toml", 'ancestors = "d.bin"\n')

    assert list(CorpusFile(path, format=f"pubtator:{scheme}").sha256) == [str(path), str(scheme), str(tree)]


def test_a_folder_is_read_with_the_texts_beside_it(tmp_path: Path) -> None:
    for name, tag in (("one", "train"), ("two", "test")):
        row = {"id": name, "tags": [tag], "concepts": [], "mentions": [], "relations": []}
        write(tmp_path / f"annos/{name}.json", json.dumps(row))
        write(tmp_path / f"texts/{name}.txt", "Ada left.")
    folder = tmp_path / "annos"

    titles = {format: [document.title for document in CorpusFile(folder, format=format)] for format in FORMATS_OF_DWIE}

    assert titles == {None: ["one", "two"], "dwie": ["one", "two"], "dwie_train": ["one"], "dwie_test": ["two"]}
    before = CorpusFile(folder).sha256
    assert list(before) == [str(folder), str(tmp_path / "texts")]
    write(tmp_path / "texts/two.txt", "Ada came.")
    after = CorpusFile(folder).sha256
    assert [before[name] == after[name] for name in before] == [True, False]
    assert read_corpus(folder).sha256 == after[str(folder)]


FORMATS_OF_DWIE = (None, "dwie", "dwie_train", "dwie_test")


def test_formats_other_than_dwie_take_no_texts_from_beside(tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.jsonl", LINE)
    write(tmp_path / "texts/a.txt", "Ada left.")

    assert find_format(path, format="jsonl").extra_files(path) == ()
