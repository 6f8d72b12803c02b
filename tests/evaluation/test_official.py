import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import read_corpus, read_train_facts
from atlop.errors import AtlopError
from atlop.evaluation import detailed_scores, fact_table, official_scores, table_scores
from atlop.schema import Document, Entity, Fact, Mention
from atlop.submission import read_submission
from tests import reference

EPSILON = 1e-5


def entity(*names: str) -> Entity:
    return Entity(tuple(Mention(name, 0, 0, 1, "PER") for name in names))


DOCUMENT = Document(
    title="Kin",
    sentences=(("Ada",), ("London",), ("Byron",)),
    entities=(entity("Ada", "A. L."), entity("London"), entity("Byron")),
    facts=(Fact(0, 1, "P19", (0, 1)), Fact(0, 2, "P22", (2,)), Fact(2, 1, "P551")),
)


def test_f1_rests_on_correct_submitted_and_gold_facts() -> None:
    predicted = [Fact(0, 1, "P19"), Fact(1, 0, "P19")]

    scores = official_scores([DOCUMENT], predictions=[predicted], train_facts=None)

    assert (scores.correct, scores.submitted, scores.gold) == (1, 2, 3)
    assert (scores.precision, scores.recall) == (1 / 2, 1 / 3)
    assert scores.f1 == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))


def test_of_duplicates_the_first_stays() -> None:
    predicted = [Fact(0, 1, "P19", (2,)), Fact(0, 1, "P19", (0, 1))]

    scores = official_scores([DOCUMENT], predictions=[predicted], train_facts=None)

    assert (scores.submitted, scores.correct) == (1, 1)
    assert (scores.evidence_submitted, scores.evidence_correct) == (1, 0)


def test_evidence_of_wrong_facts_lowers_precision() -> None:
    predicted = [Fact(0, 1, "P19", (1, 2)), Fact(1, 0, "P19", (0, 1))]

    scores = official_scores([DOCUMENT], predictions=[predicted], train_facts=None)

    assert (scores.evidence_correct, scores.evidence_submitted, scores.evidence_gold) == (1, 4, 3)
    assert (scores.evidence_precision, scores.evidence_recall) == (1 / 4, 1 / 3)
    assert scores.evidence_f1 == pytest.approx(2 / 7)


def test_a_sentence_that_a_fact_lists_twice_counts_once() -> None:
    scores = official_scores([DOCUMENT], predictions=[[Fact(0, 1, "P19", (1, 1))]], train_facts=None)

    assert (scores.evidence_correct, scores.evidence_submitted) == (1, 1)


def test_detailed_scores_count_evidence_with_and_without_facts_that_have_none() -> None:
    facts = (Fact(0, 1, "P19", (1, 2)), Fact(1, 0, "P19"), Fact(0, 1, "P20", (0,)))
    labelled = replace(DOCUMENT, facts=facts)
    predicted = [Fact(0, 1, "P19", (2, 0)), Fact(1, 0, "P19", (0, 1)), Fact(0, 1, "P27", (1,))]
    table = fact_table([labelled], predictions=[predicted], train_facts=None)

    found = detailed_scores(table, documents=[labelled], train_frequency=None).evidence

    official = table_scores(table)
    assert found["official"].f1.value == official.evidence_f1 == pytest.approx(2 * 1 / (5 + 3))
    counts = [(group.correct, group.submitted, group.gold) for group in found.values()]
    assert counts == [(1, 5, 3), (1, 3, 3)]  # what was said of the second fact is not held against it
    assert found["annotated"].precision.value == pytest.approx(1 / 3)
    assert found["annotated"].ign_f1 is None


def test_a_correct_fact_is_seen_when_any_pair_of_names_is_a_train_fact() -> None:
    predicted = [Fact(0, 1, "P19"), Fact(0, 2, "P22"), Fact(1, 2, "P19")]
    train_facts = {("A. L.", "London", "P19"), ("Ada", "Byron", "P19"), ("London", "Byron", "P19")}

    scores = official_scores([DOCUMENT], predictions=[predicted], train_facts=train_facts)

    ign_precision = (2 - 1) / (3 - 1 + EPSILON)
    assert scores.seen == 1
    assert scores.ign_precision == pytest.approx(ign_precision, abs=1e-12)
    assert scores.ign_f1 == pytest.approx(2 * ign_precision * (2 / 3) / (ign_precision + 2 / 3), abs=1e-12)


def test_without_train_facts_there_is_no_ign_f1() -> None:
    scores = official_scores([DOCUMENT], predictions=[DOCUMENT.facts or ()], train_facts=None)

    assert scores.ign_f1 is scores.ign_precision is scores.seen is None
    assert scores.f1 == 1.0


def test_with_no_train_fact_at_all_ign_f1_differs_by_the_epsilon_alone() -> None:
    scores = official_scores([DOCUMENT], predictions=[DOCUMENT.facts or ()], train_facts=set())

    assert scores.seen == 0
    assert scores.ign_precision == 3 / (3 + EPSILON)


def test_facts_under_unknown_titles_count_as_submitted_and_wrong() -> None:
    scores = official_scores([DOCUMENT], predictions=[[Fact(0, 1, "P19")]], train_facts=set(), unknown=3)

    assert (scores.submitted, scores.correct, scores.unknown) == (4, 1, 3)
    assert scores.precision == 1 / 4
    assert scores.ign_precision == 1 / (4 + EPSILON)


def test_no_prediction_at_all_scores_zero() -> None:
    scores = official_scores([DOCUMENT], predictions=[()], train_facts=set())

    assert scores.f1 == scores.precision == scores.recall == scores.ign_f1 == scores.evidence_f1 == 0.0


def test_without_gold_facts_there_is_no_score() -> None:
    empty = Document("Kin", DOCUMENT.sentences, DOCUMENT.entities, ())

    for documents, predictions in (([empty], [[Fact(0, 1, "P19")]]), ([], [])):
        scores = official_scores(documents, predictions=predictions, train_facts=set())
        assert scores.f1 is scores.precision is scores.recall is scores.ign_f1 is scores.ign_precision is None


def test_an_unlabelled_document_is_refused() -> None:
    unlabelled = Document("Skai TV", DOCUMENT.sentences, DOCUMENT.entities, None)

    with pytest.raises(AtlopError, match=r'^document 1 \("Skai TV"\): has no labels to score against; give a labelled'):
        official_scores([DOCUMENT, unlabelled], predictions=[(), ()], train_facts=None)


def test_predictions_must_fit_the_documents() -> None:
    with pytest.raises(AtlopError, match="predictions for 2 documents, but 1 to score"):
        official_scores([DOCUMENT], predictions=[(), ()], train_facts=None)


GOLDEN_CASES = list(json.loads((Path(__file__).parents[1] / "golden/scores/cases.json").read_text())["cases"])


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_golden_scores_are_reproduced(golden: Path, tmp_path: Path, name: str) -> None:
    case = json.loads((golden / "scores/cases.json").read_text())["cases"][name]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(case["predictions"]))
    documents = read_corpus(golden / "documents.json").documents
    submission = read_submission(path, documents=documents)

    scores = official_scores(
        documents,
        predictions=submission.predictions,
        train_facts=read_train_facts(golden / "scores/train_annotated.json"),
        unknown=submission.unknown,
    )

    assert scores.f1 == pytest.approx(case["f1"], abs=1e-9)
    assert scores.evidence_f1 == pytest.approx(case["evidence_f1"], abs=1e-9)
    assert scores.ign_f1 == pytest.approx(case["ign_f1"], abs=1e-9)


def test_the_scores_agree_with_a_slow_count_on_a_real_corpus(real_data: Path) -> None:
    documents = read_corpus(real_data / "redocred/dev_revised.json").documents
    train_facts = read_train_facts(real_data / "docred/train_annotated.fact")
    predictions = [(document.facts or ())[::2] for document in documents]

    scores = official_scores(documents, predictions=predictions, train_facts=train_facts)

    seen = 0
    for document, facts in zip(documents, predictions, strict=True):
        names = defaultdict(set)
        for subject, object_, relation in document.name_triples():
            names[relation].add((subject, object_))
        for fact in facts:
            subjects = [mention.name for mention in document.entities[fact.subject].mentions]
            objects = [mention.name for mention in document.entities[fact.object].mentions]
            seen += bool({(s, o, fact.relation) for s in subjects for o in objects} & train_facts)
    assert scores.correct == scores.submitted == sum(map(len, predictions))
    assert scores.seen == seen > 0
    assert scores.evidence_precision == 1.0


def test_evidence_of_a_made_file_is_scored_as_by_the_plain_implementation(tmp_path: Path) -> None:
    mention = {"sent_id": 0, "pos": [0, 1], "type": "PER"}
    documents: list[reference.Json] = [
        {
            "title": title,
            "sents": [["Ada"], ["met"], ["Bob"]],
            "vertexSet": [[{**mention, "name": name}] for name in ("Ada", "Bob", "Rome")],
            "labels": [
                {"h": 0, "t": 1, "r": "P26", "evidence": [0, 0, 2]},  # a sentence that is listed twice
                {"h": 0, "t": 1, "r": "P3373", "evidence": [1]},
                {"h": 1, "t": 2, "r": "P19", "evidence": []},
            ],
        }
        for title in ("one", "two")
    ]
    rows: list[reference.Json] = [
        {"title": "one", "h_idx": 0, "t_idx": 1, "r": "P26", "evidence": [0, 0, 1]},
        {"title": "one", "h_idx": 0, "t_idx": 1, "r": "P26", "evidence": [0, 2]},  # a repeated row
        {"title": "one", "h_idx": 1, "t_idx": 2, "r": "P19", "evidence": [2]},
        {"title": "one", "h_idx": 2, "t_idx": 0, "r": "P19", "evidence": [0, 1]},
        {"title": "two", "h_idx": 0, "t_idx": 1, "r": "P3373", "evidence": [1, 7, -1]},  # out of range
        {"title": "two", "h_idx": 0, "t_idx": 1, "r": "P26"},
        {"title": "three", "h_idx": 0, "t_idx": 1, "r": "P26", "evidence": [0]},  # an unknown title
    ]
    for name, content in (("dev", documents), ("result", rows)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    corpus = read_corpus(tmp_path / "dev.json").documents
    submission = read_submission(tmp_path / "result.json", documents=corpus)

    table = fact_table(corpus, predictions=submission.predictions, train_facts=None, unknown=submission.unknown)

    expected = reference.official_scores(rows, documents, [])
    scores = table_scores(table)
    assert scores.evidence_f1 == pytest.approx(expected["evidence_f1"], abs=1e-12)
    assert scores.f1 == pytest.approx(expected["f1"], abs=1e-12)
    assert 0 < expected["evidence_f1"] < 1


def test_evidence_of_gold_pairs_is_scored_as_by_the_plain_implementation() -> None:
    facts = (*(DOCUMENT.facts or ()), Fact(0, 1, "P551", evidence=(2,)))
    rows: list[reference.Json] = [
        {"h": fact.subject, "t": fact.object, "r": fact.relation, "evidence": list(fact.evidence)} for fact in facts
    ]
    found = {(0, 1): [0, 1, 1], (0, 2): [0], (2, 1): [0, 1, 2], (1, 2): [2]}  # (2, 1) has no annotated evidence

    labelled = replace(DOCUMENT, facts=facts)
    table = fact_table([labelled], predictions=[[]], train_facts=None, pair_evidence=[found])

    detailed = detailed_scores(table, documents=[labelled], train_frequency=None).evidence["gold pairs"]
    plain = {("Kin", *pair): sentences for pair, sentences in found.items()}
    assert (detailed.correct, detailed.submitted, detailed.gold) == (2, 3, 4)
    assert detailed.f1.value == reference.pair_evidence_f1(plain, [{"title": "Kin", "labels": rows}])
