"""The documents that a model would learn most from are chosen, and written with its facts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from atlop import convert, sample
from atlop.corpora import CorpusFile, read_corpus
from atlop.decoding import Decision, Probability
from atlop.objectives import AdaptiveThresholding
from atlop.schema import RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores
from atlop.selection import choose_documents, expected_errors, select_documents
from tests.test_cli import run, values_of

VOCABULARY = RelationVocabulary(("P17", "P131"), {})
NO_WORDS = frozenset[str]()
DEV = Path(__file__).parents[1] / "data" / "sample" / "dev.json"


def scores(*rows: tuple[float, float, float]) -> DocumentScores:
    """Scores of TH, P17 and P131, of one pair each."""
    pairs = np.array([(0, number) for number in range(1, len(rows) + 1)], np.int32)
    return DocumentScores(0, pairs, torch.tensor(rows))


def rule(**decision: object) -> DecisionRule:
    return DecisionRule(
        AdaptiveThresholding(), vocabulary=VOCABULARY, max_relations=4, decision=Decision.model_validate(decision)
    )


def test_a_relation_at_the_threshold_is_half_an_error_and_a_clear_one_is_none() -> None:
    scored = scores((1.0, 1.0, -30.0), (0.0, 30.0, 1.0))

    found = expected_errors(scored, rule=rule(use="plain"))

    assert found == pytest.approx([0.5, 1 - 1 / (1 + np.exp(-1.0))], abs=1e-6)


def test_errors_are_expected_where_the_stored_decision_is_unsure() -> None:
    scored = scores((0.0, 2.0, -30.0))
    probability = Probability(slope=0.5, intercept=-2.0)

    assert expected_errors(scored, rule=rule(use="offset", offset=2.0))[0] == pytest.approx(0.5)
    assert expected_errors(scored, rule=rule(use="plain", probability=probability))[0] == pytest.approx(
        1 / (1 + np.exp(1.0))
    )


def test_documents_are_chosen_by_their_errors_spread_over_relations() -> None:
    errors = np.array([[9.0, 0.0], [8.0, 0.0], [0.0, 2.0], [0.0, 0.0], [1.0, 1.0]])

    chosen = choose_documents(errors, words=[NO_WORDS] * 5, count=5)

    # alone: 3, √8, √2, 0, 2; after the first, √17 − 3 = 1.12 is less than √2
    assert chosen == [0, 2, 1, 4, 3]


def test_a_document_adds_less_the_more_words_it_has_in_common_with_one_that_is_chosen() -> None:
    errors = np.array([[9.0], [8.0], [1.0], [0.5]])
    words = [frozenset("abcd"), frozenset("abcd"), frozenset("abxy"), frozenset("efgh")]

    chosen = choose_documents(errors, words=words, count=4)

    # after the first: 0 for its copy; (1 − 2/6)(√10 − 3) = 0.108 for the half; √9.5 − 3 = 0.082 for the other
    assert chosen == [0, 2, 3, 1]


def test_of_equal_documents_the_first_is_chosen() -> None:
    assert choose_documents(np.ones((4, 1)), words=[NO_WORDS] * 4, count=3) == [0, 1, 2]


def test_the_choice_is_the_same_for_chunks_of_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = read_corpus(DEV).documents[:6]
    whole = select_documents(sample.MODEL, documents, count=3)

    monkeypatch.setattr("atlop.selection.DOCUMENTS_AT_ONCE", 4)
    chunks = select_documents(sample.MODEL, documents, count=3)

    assert [each.index for each in chunks] == [each.index for each in whole]
    assert [each.document for each in chunks] == [each.document for each in whole]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Documents without labels; the last has the text of the first."""
    rows = json.loads(DEV.read_text(encoding="utf-8"))[:5]
    for row in rows:
        del row["labels"]
    path = tmp_path / "pool.json"
    path.write_text(json.dumps([*rows, rows[0] | {"title": "copy"}]), encoding="utf-8")
    return path


@pytest.mark.parametrize("to", ["docred", "jsonl", "brat"])
def test_the_command_writes_suggestions_that_are_checked_and_converted(to: str, pool: Path, tmp_path: Path) -> None:
    source, output, again = tmp_path / f"source.{to}", tmp_path / f"selected.{to}", tmp_path / "again.jsonl"
    convert(pool, source, to=to)

    printed, _ = run("select", source, "--model", "sample", "--count", 3, "--output", output)

    assert f"wrote {output}, in format {to}: 3 of 6 documents" in printed
    documents = CorpusFile(output).read().documents
    titles = {document.title for document in CorpusFile(source)}
    assert {document.title for document in documents} < titles
    assert values_of(run("check", output)[0])["documents"] == "3"
    assert any(document.facts for document in documents)
    run("convert", output, again, "--to", "jsonl")
    assert [document.facts for document in read_corpus(again).documents] == [each.facts for each in documents]


def test_a_copy_is_not_chosen_and_the_facts_are_those_of_the_model(pool: Path, tmp_path: Path) -> None:
    output = tmp_path / "selected.json"
    printed = json.loads(run("select", pool, "--model", "sample", "--count", 5, "--output", output, "--json")[0])

    titles = [each["title"] for each in printed["selected"]]
    documents = read_corpus(output).documents
    assert [document.title for document in documents] == titles
    first = read_corpus(pool).documents[0].title
    assert len({"copy", first} & set(titles)) == 1
    found = {each.document.title: each for each in select_documents(sample.MODEL, read_corpus(pool).documents, count=6)}
    assert [document.facts for document in documents] == [found[title].document.facts for title in titles]
    assert [each["expected_errors"] for each in printed["selected"]] == pytest.approx(
        [found[title].expected_errors for title in titles]
    )


def test_a_pool_that_cannot_be_written_becomes_json_lines(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = tmp_path / "columns.json"
    row = json.loads(pool.read_text(encoding="utf-8"))[0]
    empty: dict[str, list[object]] = {"head": [], "tail": [], "relation_id": [], "relation_text": [], "evidence": []}
    columns.write_text(json.dumps(row | {"labels": empty}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    printed, _ = run("select", columns, "--model", "sample", "--count", 1)

    assert "wrote columns.selected.jsonl, in format jsonl: 1 of 1 documents" in printed
    assert "already exists" in run("select", columns, "--model", "sample", "--count", 1, code=2)[1]


def test_bad_input_is_refused_with_one_message_and_nothing_is_written(pool: Path, tmp_path: Path) -> None:
    output = tmp_path / "selected.json"
    for arguments, message in (
        (
            (pool, "--model", "sample", "--count", 7),
            "--count 7: there are 6 documents; expected a number from 1 to that",
        ),
        ((pool, "--model", "sample", "--count", 0), "Input should be greater than or equal to 1"),
        ((pool, "--model", tmp_path / "nowhere"), "nowhere"),
        ((tmp_path / "missing.json", "--model", "sample"), "missing.json"),
        ((pool, "--model", "sample", "--format", "tsv"), "unknown format 'tsv'"),
        ((pool, "--count", 2), "Missing option '--model'"),
    ):
        assert message in run("select", *arguments, "--output", output, code=2)[1]
        assert not output.exists()
