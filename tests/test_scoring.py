"""Models and a labelled file to scores, from Python."""

from pathlib import Path

import pytest

import atlop
from atlop.corpora import read_corpus
from atlop.ensemble import Member
from atlop.errors import AtlopError
from atlop.model_folder import load_model, save_model
from atlop.scoring import evaluate_submission
from atlop.submission import write_submission
from tests.golden_values import golden_model, golden_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder."""
    path = tmp_path_factory.mktemp("model") / "model"
    save_model(path, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return path


def test_a_folder_a_run_and_a_loaded_model_score_the_same(folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "best").symlink_to(folder)
    expected = atlop.evaluate(folder, tiny_corpus)
    assert expected.scores.submitted == sum(map(len, expected.predictions.facts)) > 0
    assert expected.scores.ign_f1 is None
    for model in (str(folder), tmp_path / "run", Member(*load_model(folder))):
        assert atlop.evaluate(model, str(tiny_corpus)).scores == expected.scores


def test_a_train_file_gives_ign_f1(folder: Path, tiny_corpus: Path) -> None:
    found = atlop.evaluate(folder, tiny_corpus, train=tiny_corpus)
    assert found.scores.seen == found.scores.correct > 0


def test_several_models_decide_together(folder: Path, tiny_corpus: Path) -> None:
    assert atlop.evaluate([folder, folder], tiny_corpus).predictions.facts == (
        atlop.evaluate(folder, tiny_corpus, decision="plain").predictions.facts
    )


def test_two_submissions_are_compared_and_each_is_scored(folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    corpus = read_corpus(tiny_corpus)
    evaluated = atlop.evaluate(folder, tiny_corpus)
    predictions, relations = evaluated.predictions.facts, evaluated.vocabulary.relations
    all_facts, no_facts = tmp_path / "all.json", tmp_path / "none.json"
    for path, facts in ((all_facts, predictions), (no_facts, [() for _ in predictions])):
        write_submission(path, documents=corpus.documents, predictions=facts, relations=relations)

    found = atlop.compare(tiny_corpus, no_facts, all_facts)

    assert found.second.scores == evaluate_submission(all_facts, tiny_corpus).scores
    assert found.second.scores == evaluated.scores
    assert found.differences is not None
    assert found.differences["all"]["all"].f1.difference == found.second.scores.f1
    assert found.first.scores.f1 == 0


def test_a_corpus_is_checked_and_converted(tiny_corpus: Path, tmp_path: Path) -> None:
    checked = atlop.check(tiny_corpus)
    converted = atlop.convert(tiny_corpus, tmp_path / "documents.jsonl", to="jsonl")

    assert (checked.kind, checked.format, checked.problems) == ("corpus", "docred", [])
    assert checked.statistics
    assert (converted.source_format, converted.losses) == ("docred", {})
    assert converted.documents == checked.statistics["documents"] > 0
    assert atlop.check(str(tmp_path / "documents.jsonl")).statistics == checked.statistics


def test_what_holds_no_model_is_one_message(tiny_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="holds no model"):
        atlop.evaluate(tmp_path, tiny_corpus)


def test_the_package_gives_its_words_when_they_are_asked_for() -> None:
    assert {name for name in atlop.__all__ if getattr(atlop, name) is not None} == {
        "AtlopModel", "Document", "RelationExtractor", "__version__",
        "calibrate", "check", "compare", "convert", "evaluate", "train",
    }  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = atlop.predict
