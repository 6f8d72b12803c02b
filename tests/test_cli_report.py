"""`atlop report`: the page of a model, of a submission, and of two of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.decoding import Decision, Fusion
from atlop.model_folder import store_decision
from tests.golden_values import golden_model, golden_tokenizer
from tests.test_cli import DOCUMENT, run, write


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that finds facts."""
    from atlop.model_folder import save_model

    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return folder


@pytest.fixture(scope="module")
def result(model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What it finds."""
    path = tmp_path_factory.mktemp("result") / "result.json"
    run("predict", model, tiny_corpus, "--output", path)
    return path


def data_of(page: Path, element: str = "data") -> Any:
    """Return what a page holds."""
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition(f'id="{element}">')[2].partition("</script>")[0])


def test_the_numbers_in_the_page_are_those_of_evaluate(model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    evaluated = json.loads(run("evaluate", model, tiny_corpus, "--train", tiny_corpus, "--json")[0])

    report = json.loads(
        run("report", model, "--dev", tiny_corpus, "--train", tiny_corpus, "--output", page, "--json")[0]
    )

    [shown] = data_of(page)["results"]
    assert shown["scores"] == report["scores"] == evaluated["scores"]
    assert shown["detailed"] == evaluated["detailed"]
    assert shown["scores"]["submitted"] > 0
    texts = [data_of(page, f"text-{index}") for index in range(len(data_of(page)["documents"]))]
    assert all(text["pairs"][0]["weights"] for text in texts)
    assert page.read_text(encoding="utf-8").count("<figcaption>") == 3


def test_the_page_of_a_submission_has_no_scores_of_classes(result: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    scored = json.loads(run("score", result, tiny_corpus, "--json")[0])

    output, _ = run("report", result, "--dev", tiny_corpus, "--output", page)

    assert f"wrote {page} (" in output
    assert data_of(page)["results"][0]["detailed"] == scored["detailed"]
    assert {fact["margin"] for each in data_of(page)["documents"] for fact in each["facts"]} == {None}


def test_the_page_of_a_model_that_decides_by_fusion(model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    fused, page = tmp_path / "fused", tmp_path / "report.html"
    shutil.copytree(model, fused)
    store_decision(fused, Decision(use="fusion", fusion=Fusion(weight=1.0, missing=-1.0, threshold=0.5)))

    run("report", fused, "--dev", tiny_corpus, "--output", page)

    facts = [fact for each in data_of(page)["documents"] for fact in each["facts"]]
    assert {fact["margin"] is None for fact in facts if fact["outcome"] == "unrelated"} == {False}
    texts = [data_of(page, f"text-{index}") for index in range(len(data_of(page)["documents"]))]
    assert {len(pair["scores"]) for text in texts for pair in text["pairs"]} == {4}  # the k of the model


def test_two_results_are_compared_as_compare_does(model: Path, result: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    worse, page = tmp_path / "worse.json", tmp_path / "report.html"
    worse.write_text(json.dumps(json.loads(result.read_text(encoding="utf-8"))[::3]), encoding="utf-8")
    compared = json.loads(run("compare", tiny_corpus, worse, result, "--json")[0])

    for arguments in ([model, "--against", worse], [result, "--against", worse]):
        run("report", *arguments, "--dev", tiny_corpus, "--output", page)
        assert data_of(page)["comparison"] == compared["differences"]
    run("report", worse, "--against", model, "--dev", tiny_corpus, "--output", page)
    second = data_of(page)
    difference, turned = (
        each["all"]["all"]["f1"]["difference"] for each in (compared["differences"], second["comparison"])
    )
    assert difference == -turned
    assert {fact["outcome"] for each in second["documents"] for fact in each["facts"]} >= {None, "missed"}


def test_a_run_knows_what_it_was_evaluated_on(model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "best").symlink_to(model)
    text = f'[data]\ntrain = "{tiny_corpus}"\ndev = "{tiny_corpus}"\n\n[encoder]\nname = "none"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "epoch": 0, "loss": 1.5}\n', encoding="utf-8")

    run("report", tmp_path, "--output", tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(data_of(tmp_path / "report.html")["documents"]) == len(read_corpus(tiny_corpus).documents)
    assert "Training: loss" in page


def test_an_invalid_document_that_the_run_left_out_is_left_out_of_its_page(
    model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    documents = json.loads(tiny_corpus.read_text(encoding="utf-8"))
    dev = write(tmp_path / "dev.json", [*documents, {"title": "invalid"}])
    (tmp_path / "best").symlink_to(model)
    text = f'[data]\ntrain = "{dev}"\ndev = "{dev}"\ninvalid = "skip"\n\n[encoder]\nname = "none"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")

    run("report", tmp_path, "--train", dev, "--output", tmp_path / "report.html")

    assert len(data_of(tmp_path / "report.html")["documents"]) == len(documents)
    assert "Ign F1" in run("evaluate", model, dev, "--train", dev, "--invalid", "skip")[0]


def test_report_says_what_it_lacks(model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    unlabelled = write(tmp_path / "test.json", [{key: DOCUMENT[key] for key in ("title", "sents", "vertexSet")}])
    page = tmp_path / "report.html"

    assert "no config.toml); give labelled documents: --dev" in run("report", model, "--output", page, code=2)[1]
    assert "has no labels" in run("report", model, "--dev", unlabelled, "--output", page, code=2)[1]
    named = run("report", model, "--dev", tiny_corpus, "--output", tmp_path / "report.json", code=2)[1]
    assert "expected a name that ends in .html" in named
    assert not page.exists()


def test_the_page_of_real_documents_is_small_and_its_numbers_are_those_of_score(
    real_data: Path, tmp_path: Path
) -> None:
    gold, page, result = real_data / "redocred" / "dev_revised.json", tmp_path / "report.html", tmp_path / "result.json"
    documents = read_corpus(gold).documents
    rows = [
        {"title": document.title, "h_idx": fact.subject, "t_idx": fact.object, "r": fact.relation, "evidence": [0]}
        for document in documents
        for fact in (document.facts or ())[::2]
    ]
    write(result, rows)

    run("report", result, "--dev", gold, "--output", page)

    scored = json.loads(run("score", result, gold, "--json")[0])
    assert data_of(page)["results"][0]["scores"] == scored["scores"]
    assert page.stat().st_size < 15_000_000


def test_a_run_of_an_experiment_shows_the_pictures_of_that(model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    run_folder, page = tmp_path / "runs" / "plain-66", tmp_path / "report.html"
    shutil.copytree(model, run_folder)
    (tmp_path / "learning_curve.svg").write_text("<svg/>", encoding="utf-8")
    shown = "<figcaption>Experiment learning_curve.</figcaption>"

    run("report", run_folder, "--dev", tiny_corpus, "--output", page)
    assert shown not in page.read_text(encoding="utf-8")
    (tmp_path / "base.json").write_text("{}", encoding="utf-8")
    run("report", run_folder, "--dev", tiny_corpus, "--output", page)
    assert shown in page.read_text(encoding="utf-8")
