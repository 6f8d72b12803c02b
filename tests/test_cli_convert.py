"""`atlop convert`."""

import json
from pathlib import Path

import pytest

from atlop.corpora import CORPORA, WRITERS, read_corpus
from atlop.corpora.json_lines import read_json_lines
from tests.test_cli import DOCUMENT, run, values_of, write

LINE = {
    "text": "B and T cells.",
    "entities": [{"mentions": [{"spans": [[0, 1], [8, 13]]}, [0, 1]], "id": "C1"}, {"mentions": [[6, 13]]}],
    "relations": [{"subject": 0, "object": 0, "relation": "is"}, {"subject": 0, "object": 1, "relation": "is"}],
}


@pytest.fixture(autouse=True)
def known_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the layout known by its name."""
    monkeypatch.setitem(CORPORA, "jsonl", read_json_lines)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "dev.json", [DOCUMENT])


def test_every_layout_that_is_written_is_read() -> None:
    assert set(WRITERS) <= set(CORPORA)


def test_docred_goes_to_json_lines_and_back(corpus: Path, tmp_path: Path) -> None:
    lines, back = tmp_path / "dev.jsonl", tmp_path / "back.json"

    output, problem = run("convert", corpus, lines, "--from", "docred", "--to", "jsonl")
    run("convert", lines, back, "--from", "jsonl", "--to", "docred")

    assert output.startswith(f"{lines}: written in layout jsonl, which holds all that was read\n\n")
    assert values_of(output) == {"documents": "1", "documents skipped": "0", "facts merged": "0"}
    assert problem == ""
    assert json.loads(back.read_text(encoding="utf-8")) == [DOCUMENT]


@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_a_layout_goes_to_itself(corpus: Path, tmp_path: Path, layout: str) -> None:
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"

    run("convert", corpus, first, "--from", "docred", "--to", layout)
    run("convert", first, second, "--from", layout, "--to", layout)

    assert first.read_bytes() == second.read_bytes()


def test_what_is_not_kept_is_counted_by_kind(tmp_path: Path) -> None:
    lines, out = write(tmp_path / "dev.jsonl", LINE), tmp_path / "dev.json"

    output, _ = run("convert", lines, out, "--from", "jsonl", "--to", "docred")

    assert output.startswith(f"{out}: written in layout docred, which cannot hold all that was read\n")
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
        "merged_facts": 0,
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
        assert problem == f"atlop: error: {output}: exists already; give another name, or remove this one\n"

    assert taken.read_text() == "mine"


def test_an_invalid_document_leaves_no_file(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [DOCUMENT, 7])
    out = tmp_path / "out.jsonl"

    output, problem = run("convert", rows, out, "--from", "docred", "--to", "jsonl", code=2)

    assert output == ""
    assert problem.startswith(f"atlop: error: {rows}, document 1: expected a JSON list of documents")
    assert list(tmp_path.iterdir()) == [rows]


def test_skip_leaves_an_invalid_document_out_and_counts_it(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [7, DOCUMENT | {"labels": 2 * DOCUMENT["labels"]}])  # type: ignore[operator]
    out = tmp_path / "out.jsonl"

    output, problem = run("convert", rows, out, "--from", "docred", "--to", "jsonl", "--invalid", "skip")

    assert values_of(output) == {"documents": "1", "documents skipped": "1", "facts merged": "2"}
    assert problem.startswith(f"atlop: warning: document skipped: {rows}, document 0: ")
    assert len(read_corpus(out, layout="jsonl").documents) == 1


def test_skip_refuses_a_file_without_any_valid_document(tmp_path: Path) -> None:
    rows = write(tmp_path / "dev.json", [7])

    _, problem = run(
        "convert", rows, tmp_path / "out.jsonl", "--from", "docred", "--to", "jsonl", "--invalid", "skip", code=2
    )

    assert f"error: {rows}: every document is invalid; the first problem: {rows}, document 0: " in problem
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("layouts", "message"),
    [
        (("docret", "jsonl"), f"--from: unknown layout 'docret'; known: {', '.join(sorted({*CORPORA, 'jsonl'}))}"),
        (("docred", "yaml"), f"--to: unknown layout 'yaml'; known: {', '.join(sorted(WRITERS))}"),
    ],
)
def test_an_unknown_layout_names_the_known_ones(
    corpus: Path, tmp_path: Path, layouts: tuple[str, str], message: str
) -> None:
    source, target = layouts

    _, problem = run("convert", corpus, tmp_path / "out", "--from", source, "--to", target, code=2)

    assert problem == f"atlop: error: {message}\n"


def test_both_layouts_must_be_given(corpus: Path, tmp_path: Path) -> None:
    assert "Missing option '--from'" in run("convert", corpus, tmp_path / "out", "--to", "jsonl", code=2)[1]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _, problem = run(
        "convert", tmp_path / "dev.json", tmp_path / "out.jsonl", "--from", "docred", "--to", "jsonl", code=2
    )

    assert problem.startswith(f"atlop: error: {tmp_path / 'dev.json'}: no such file")
    assert list(tmp_path.iterdir()) == []
