"""`atlop convert`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import FORMATS, read_corpus, writable_formats
from atlop.schema import Fact
from tests.corpora.formats.samples import BRAT_ANNOTATIONS, write_brat
from tests.test_cli import DOCUMENT, run, values_of, write

SCHEME = "pubtator:SCHEME.toml"
LINE = {
    "text": "B and T cells.",
    "entities": [{"mentions": [{"spans": [[0, 1], [8, 13]]}, [0, 1]], "id": "C1"}, {"mentions": [[6, 13]]}],
    "relations": [{"subject": 0, "object": 0, "relation": "is"}, {"subject": 0, "object": 1, "relation": "is"}],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "dev.json", [DOCUMENT])


def test_docred_goes_to_json_lines_and_back(corpus: Path, tmp_path: Path) -> None:
    lines, back = tmp_path / "dev.jsonl", tmp_path / "back.json"

    output, problem = run("convert", corpus, lines, "--from", "docred", "--to", "jsonl")
    run("convert", lines, back, "--from", "jsonl", "--to", "docred")

    assert output.startswith(f"{lines}: written in format jsonl, which holds all that was read\n\n")
    assert values_of(output) == {"documents": "1"}
    assert problem == ""
    assert json.loads(back.read_text(encoding="utf-8")) == [DOCUMENT]


TEXT = {
    "title": "7",
    "text": "Aspirin\nHeals pain.",
    "entities": [
        {"mentions": [[0, 7]], "type": "Chemical", "id": "D1"},
        {"mentions": [[14, 18]], "type": "Disease", "id": "D2"},
    ],
    "relations": [{"subject": 0, "object": 1, "relation": "CID", "evidence": [0]}],
    "pairs": [[0, 1]],
}


FILES_TO_READ = sorted(name for name in writable_formats() if not FORMATS[name].is_folder and name != "labelstudio")
"""Formats that are one file and hold what was annotated, not what was predicted."""


@pytest.mark.parametrize("format", FILES_TO_READ)
def test_a_format_goes_to_itself(tmp_path: Path, format: str) -> None:
    lines, first, second = write(tmp_path / "dev.jsonl", TEXT), tmp_path / "first.gz", tmp_path / "second.gz"

    run("convert", lines, first, "--to", format)
    run("convert", first, second, "--from", format, "--to", format)

    assert first.read_bytes() == second.read_bytes()


def test_the_format_of_what_is_read_is_recognised(tmp_path: Path) -> None:
    lines, pubtator, back = write(tmp_path / "dev.jsonl", TEXT), tmp_path / "dev.txt", tmp_path / "back.jsonl"

    output, _ = run("convert", lines, pubtator, "--to", "cdr")
    report = json.loads(run("convert", pubtator, back, "--to", "jsonl", "--json")[0])

    assert output.partition("not kept:\n")[2].split() == ["evidence", "of", "facts", "1"]
    assert (report["from"], report["losses"]) == ("cdr", {})
    (document,), (read_back,) = read_corpus(lines).documents, read_corpus(back).documents
    assert read_back == replace(document, facts=(Fact(0, 1, "CID"),))


def test_words_without_a_text_do_not_become_pubtator(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "dev.txt"

    _, problem = run("convert", corpus, out, "--to", "cdr", code=2)

    assert problem.startswith(f'atlop: error: {out}, document 0 ("Skai TV"): has no text, ')
    assert list(tmp_path.iterdir()) == [corpus]


def test_a_scheme_of_ones_own_is_read_and_written(tmp_path: Path) -> None:
    scheme = tmp_path / "own.toml"
    scheme.write_text('no_identifier = "?"\n', encoding="utf-8")
    lines, pubtator = write(tmp_path / "dev.jsonl", TEXT | {"pairs": [[0, 1], [1, 0]]}), tmp_path / "dev.txt"

    run("convert", lines, pubtator, "--to", f"pubtator:{scheme}")
    report = json.loads(run("check", pubtator, "--format", f"pubtator:{scheme}", "--json")[0])

    assert (report["format"], report["valid"]) == (f"pubtator:{scheme}", True)
    assert (report["statistics"]["pairs"], report["statistics"]["facts"]) == (2, 1)


def test_what_is_not_kept_is_counted_by_kind(tmp_path: Path) -> None:
    lines, out = write(tmp_path / "dev.jsonl", LINE), tmp_path / "dev.json"

    output, _ = run("convert", lines, out, "--from", "jsonl", "--to", "docred")

    assert output.startswith(f"{out}: written in format docred, which cannot hold all that was read\n")
    assert output.partition("not kept:\n")[2].splitlines() == [
        "  texts and character offsets                           1",
        "  identifiers                                           1",
        "  facts from an entity to itself                        1",
        "  discontinuous mentions, kept from first to last word  1",
    ]


def test_every_count_is_there_as_json(tmp_path: Path) -> None:
    lines, out = write(tmp_path / "dev.jsonl", LINE), tmp_path / "dev.json"

    report = json.loads(run("convert", lines, out, "--from", "jsonl", "--to", "docred", "--json")[0])

    assert report == {
        "path": str(lines),
        "output": str(out),
        "from": "jsonl",
        "to": "docred",
        "documents": 1,
        "skipped": [],
        "skipped_documents": 0,
        "repeated_documents": 0,
        "merged_facts": 0,
        "unmentioned_facts": 0,
        "self_relations": 1,
        "unclassified_facts": 0,
        "negative_labels": 0,
        "misnamed_mentions": 0,
        "cut_mentions": 0,
        "skipped_relations": 0,
        "left_out": {},
        "losses": {
            "texts and character offsets": 1,
            "identifiers": 1,
            "facts from an entity to itself": 1,
            "discontinuous mentions, kept from first to last word": 1,
        },
    }


def test_a_file_that_exists_is_not_written_over(corpus: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")

    for output in (taken, corpus):
        _, problem = run("convert", corpus, output, "--from", "docred", "--to", "jsonl", code=2)
        assert problem == f"atlop: error: {output}: already exists; pass another name, or remove this one\n"

    assert taken.read_text() == "mine"


def test_an_invalid_document_leaves_no_file(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [DOCUMENT, 7])
    out = tmp_path / "out.jsonl"

    output, problem = run("convert", rows, out, "--from", "docred", "--to", "jsonl", code=2)

    assert output == ""
    assert problem.startswith(f"atlop: error: {rows}, document 1: expected an object with")
    assert list(tmp_path.iterdir()) == [rows]


def test_skip_leaves_an_invalid_document_out_and_counts_it(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [7, DOCUMENT | {"labels": 2 * DOCUMENT["labels"]}])  # type: ignore[operator]
    out = tmp_path / "out.jsonl"

    output, problem = run("convert", rows, out, "--from", "docred", "--to", "jsonl", "--invalid", "skip")

    assert values_of(output) == {"documents": "1", "skipped documents": "1", "merged facts": "2"}
    assert problem.startswith(f"atlop: warning: document skipped: {rows}, document 0: ")
    assert len(read_corpus(out, format="jsonl").documents) == 1


def test_skip_refuses_a_file_without_any_valid_document(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [7])

    _, problem = run(
        "convert", rows, tmp_path / "out.jsonl", "--from", "docred", "--to", "jsonl", "--invalid", "skip", code=2
    )

    assert f"error: {rows}: every document is invalid (1); the first problem: {rows}, document 0: " in problem
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (("docret", "jsonl"), f"{{file}}: unknown format 'docret'; known: {', '.join(FORMATS)}, {SCHEME}"),
        (
            ("docred", "yaml"),
            f"{{out}}: cannot be written in format 'yaml'; known: {', '.join(writable_formats())}, {SCHEME}",
        ),
    ],
)
def test_an_unknown_format_names_the_known_ones(
    corpus: Path, tmp_path: Path, formats: tuple[str, str], message: str
) -> None:
    source, target = formats

    _, problem = run("convert", corpus, tmp_path / "out", "--from", source, "--to", target, code=2)

    assert problem == f"atlop: error: {message.format(file=corpus, out=tmp_path / 'out')}\n"


def test_a_format_to_write_is_given_by_name_or_suffix(corpus: Path, tmp_path: Path) -> None:
    output, _ = run("convert", corpus, tmp_path / "out.jsonl.gz")
    assert output.startswith(f"{tmp_path / 'out.jsonl.gz'}: written in format jsonl")

    for arguments in ([tmp_path / "out.json"], []):
        _, problem = run("convert", corpus, *arguments, code=2)
        assert problem == "atlop: error: --to is missing: give a format, or an OUTPUT that ends in .jsonl, .spacy\n"


def test_a_folder_is_written_whole(tmp_path: Path) -> None:
    lines, folder, back = write(tmp_path / "dev.jsonl", TEXT), tmp_path / "dev", tmp_path / "back.jsonl"

    run("convert", lines, folder, "--to", "brat")
    run("convert", folder, back)

    assert sorted(path.name for path in folder.iterdir()) == ["7.ann", "7.txt"]
    [document] = read_corpus(back)
    assert (document.title, document.text, document.facts) == ("7", TEXT["text"], (Fact(0, 1, "CID"),))
    _, problem = run("convert", lines, folder, "--to", "brat", code=2)
    assert problem == f"atlop: error: {folder}: already exists, and is no file; pass another name\n"


def test_what_is_not_read_is_counted_by_kind(tmp_path: Path) -> None:
    folder = write_brat(tmp_path / "notes", BRAT_ANNOTATIONS + "A1\tSure R1\nR9\tmany Arg1:T1\n")

    output, _ = run("convert", folder, tmp_path / "notes.jsonl")

    assert output.splitlines()[2:] == [
        "documents          1",
        "skipped relations  1",
        "",
        "not read:",
        "  attributes       1",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _, problem = run(
        "convert", tmp_path / "dev.json", tmp_path / "out.jsonl", "--from", "docred", "--to", "jsonl", code=2
    )

    assert problem.startswith(f"atlop: error: {tmp_path / 'dev.json'}: no such file")
    assert list(tmp_path.iterdir()) == []
