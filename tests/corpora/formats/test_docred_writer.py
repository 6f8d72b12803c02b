import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import ConversionLoss, IssueCollector, read_corpus
from atlop.corpora.formats.docred.writer import write_docred
from atlop.corpora.formats.json_lines.reader import read_json_lines
from atlop.corpora.formats.json_lines.writer import write_json_lines
from atlop.errors import AtlopError
from tests.corpora.formats.test_json_lines_writer import FULL, PLAIN


def test_words_entities_and_facts_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "out.json.gz"
    documents = (PLAIN, replace(PLAIN, facts=()), replace(PLAIN, facts=None))

    assert not write_docred(path, documents=iter(documents))

    assert read_corpus(path).documents == documents


def test_every_document_is_a_line_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    write_docred(path, documents=[PLAIN, PLAIN])
    first, *rows, last = path.read_text(encoding="utf-8").splitlines()

    assert (first, last) == ("[", "]")
    assert [json.loads(row.removesuffix(",")) for row in rows] == 2 * [
        {
            "title": "Skai TV",
            "sents": [["Skai", "TV", "is", "Greek"], [], ["It", "is", "based", "in", "Piraeus"]],
            "vertexSet": [
                [
                    {"name": "Skai TV", "sent_id": 0, "pos": [0, 2], "type": "ORG"},
                    {"name": "the channel", "sent_id": 2, "pos": [0, 1], "type": "CHANNEL"},
                ],
                [{"name": "Piraeus", "sent_id": 2, "pos": [4, 5], "type": ""}],
            ],
            "labels": [{"h": 0, "t": 1, "r": "P159", "evidence": [0, 2]}],
        }
    ]


def test_no_documents_are_an_empty_list(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    write_docred(path, documents=[])

    assert read_corpus(path).documents == ()


def test_what_the_format_cannot_hold_is_counted_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    losses = write_docred(path, documents=[FULL, PLAIN, FULL])

    assert losses == {
        ConversionLoss.TEXT: 2,
        ConversionLoss.IDENTIFIER: 4,
        ConversionLoss.PAIRS: 2,
        ConversionLoss.UNDIRECTED: 2,
        ConversionLoss.NOVELTY: 4,
        ConversionLoss.SELF_RELATION: 2,
        ConversionLoss.DISCONTINUOUS: 2,
    }
    document = read_corpus(path).documents[0]
    assert document.sentences == FULL.sentences
    assert document.entities[0].mentions[0].end == 4
    assert [fact.key for fact in document.facts or ()] == [(0, 1, "Association")]


def test_a_text_that_is_the_words_with_one_space_between_is_no_loss(tmp_path: Path) -> None:
    lines, out = tmp_path / "out.jsonl", tmp_path / "out.json"
    write_json_lines(lines, documents=[PLAIN])

    assert not write_docred(out, documents=read_json_lines(lines, issues=IssueCollector()))
    assert read_corpus(out).documents == (PLAIN,)


def test_half_a_surrogate_pair_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"document 1 .*: has a lone surrogate"):
        write_docred(tmp_path / "out.json", documents=[PLAIN, replace(PLAIN, title="\ud800")])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["docred/train_first200.json", "docred/test.json", "redocred/dev_revised.json", "dwie/dev.json"]
)
def test_real_corpora_go_through_json_lines_and_back(real_data: Path, tmp_path: Path, name: str) -> None:
    lines, twice, out = tmp_path / "out.jsonl.gz", tmp_path / "twice.jsonl.gz", tmp_path / "out.json"
    corpus = read_corpus(real_data / name)

    assert not write_json_lines(lines, documents=corpus.documents)
    assert not write_json_lines(twice, documents=read_json_lines(lines, issues=IssueCollector()))
    assert not write_docred(out, documents=read_json_lines(twice, issues=IssueCollector()))

    assert lines.read_bytes() == twice.read_bytes()
    assert read_corpus(out).documents == corpus.documents
    given = [_kept(row) for row in json.loads((real_data / name).read_text(encoding="utf-8"))]
    assert json.loads(out.read_text(encoding="utf-8")) == given


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the format knows of a document, repeated labels once."""
    kept = {key: row[key] for key in ("title", "sents")}
    kept["vertexSet"] = [
        [{key: mention[key] for key in ("name", "sent_id", "pos", "type")} for mention in entity]
        for entity in row["vertexSet"]
    ]
    if "labels" in row:
        labels: dict[tuple[int, int, str], Any] = {}
        for label in row["labels"]:
            labels.setdefault((label["h"], label["t"], label["r"]), label)
        kept["labels"] = list(labels.values())
    return kept
