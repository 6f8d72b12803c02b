"""`atlop calibrate`: thresholds into the model or into a file, and what later commands make of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from atlop.calibration import collect_candidates
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.model_folder import save_model
from tests.golden_values import golden_documents, golden_model, golden_tokenizer
from tests.test_cli import run, values_of, write


@pytest.fixture(scope="module")
def model(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder."""
    folder = tmp_path_factory.mktemp("model") / "model"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return folder


@pytest.fixture(scope="module")
def corpus(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents whose facts are mostly what the model gives the largest margins, far from 0."""
    ensemble = Ensemble.from_members([Member(golden_model("bert"), golden_tokenizer("bert"))])
    scored = ensemble.score(golden_documents(), accelerator=accelerator_for("float32"))
    candidates = collect_candidates(scored, documents=golden_documents(), rule=ensemble.rule)
    draw = np.random.default_rng(0)
    likely = candidates.margin > np.quantile(candidates.margin, 0.9)
    listed = np.where(likely, draw.random(len(likely)) < 0.8, draw.random(len(likely)) < 0.02)
    documents = json.loads((golden / "documents.json").read_text(encoding="utf-8"))
    for index, document in enumerate(documents):
        rows = np.flatnonzero(listed & (candidates.document == index))
        document["labels"] = [
            {
                "h": int(candidates.subject[row]),
                "t": int(candidates.object[row]),
                "r": candidates.relations[candidates.class_id[row] - 1],
                "evidence": [int(row) % len(document["sents"])],
            }
            for row in rows
        ]
    return write(tmp_path_factory.mktemp("corpus") / "dev.json", documents)


@pytest.fixture
def own_copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "model"))


def scores_of(*arguments: object) -> dict[str, float]:
    scores: dict[str, float] = json.loads(run("evaluate", *arguments, "--json")[0])["scores"]
    return scores


@pytest.mark.parametrize("decision", ["offset", "per_class"])
def test_later_commands_decide_as_the_model_keeps(decision: str, own_copy: Path, corpus: Path, tmp_path: Path) -> None:
    before = scores_of(own_copy, corpus)
    found = json.loads(run("calibrate", own_copy, corpus, "--decision", decision, "--json")[0])["scores"]

    assert found["plain"]["f1"] == pytest.approx(before["f1"])
    assert found[decision]["f1"] > before["f1"]
    assert scores_of(own_copy, corpus)["f1"] == pytest.approx(found[decision]["f1"])
    assert scores_of(own_copy, corpus, "--decision", "offset")["f1"] == pytest.approx(found["offset"]["f1"])
    assert scores_of(own_copy, corpus, "--decision", "plain") == before
    result = tmp_path / "result.json"
    run("predict", own_copy, corpus, "--output", result)
    assert json.loads(run("score", result, corpus, "--json")[0])["scores"]["f1"] == pytest.approx(found[decision]["f1"])


def test_calibrating_again_starts_from_the_scores_not_from_earlier_thresholds(own_copy: Path, corpus: Path) -> None:
    run("calibrate", own_copy, corpus)
    once = (own_copy / "config.json").read_text(encoding="utf-8")
    run("calibrate", own_copy, corpus)
    assert (own_copy / "config.json").read_text(encoding="utf-8") == once


def test_a_file_takes_the_thresholds_and_the_model_stays_as_it_is(model: Path, corpus: Path, tmp_path: Path) -> None:
    config, output = (model / "config.json").read_bytes(), tmp_path / "decision.json"
    table, _ = run("calibrate", model, corpus, "--output", output)

    assert (model / "config.json").read_bytes() == config
    chosen = 100 * scores_of(model, corpus, "--decision", output)["f1"]
    assert (
        values_of(table)["threshold of the offset"] == f"{json.loads(output.read_text(encoding='utf-8'))['offset']:.3f}"
    )
    assert f"{chosen:.2f}" in table
    assert "already exists" in run("calibrate", model, corpus, "--output", output, code=2)[1]


def test_several_models_are_calibrated_together(model: Path, own_copy: Path, corpus: Path, tmp_path: Path) -> None:
    thresholds = tmp_path / "decision.json"
    message = run("calibrate", model, own_copy, corpus, code=2)[1]
    assert "give --output FILE" in message
    run("calibrate", model, own_copy, corpus, "--output", thresholds)

    alone = scores_of(model, corpus)
    assert scores_of(model, own_copy, corpus) == alone  # the same model twice
    assert scores_of(model, own_copy, corpus, "--decision", thresholds)["f1"] > alone["f1"]
    assert scores_of(model, own_copy, corpus, "--decision", thresholds) == scores_of(
        model, corpus, "--decision", thresholds
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", 'decision, "use": is missing; `atlop calibrate`'),
        ('{"use": "per_class", "per_class": {"P17": 0}}', "thresholds for 1 relations"),
        ('{"use": "offset"}', "there is no offset to decide by"),
        ('{"use": "plain", "probability": {"slope": 0, "intercept": 0}}', "Input should be greater than 0"),
        ("[1", "not valid JSON"),
    ],
)
def test_decisions_that_are_not_for_the_model_are_one_message(
    content: str, message: str, model: Path, corpus: Path, tmp_path: Path
) -> None:
    file = tmp_path / "decision.json"
    file.write_text(content, encoding="utf-8")
    error = run("evaluate", model, corpus, "--decision", file, code=2)[1]
    assert str(file) in error
    assert message in error


def test_a_damaged_decision_in_a_model_folder_is_one_message(own_copy: Path, corpus: Path) -> None:
    config = json.loads((own_copy / "config.json").read_text(encoding="utf-8"))
    (own_copy / "config.json").write_text(json.dumps(config | {"decision": {"use": "guess"}}), encoding="utf-8")
    assert 'decision, "use"' in run("evaluate", own_copy, corpus, code=2)[1]


def test_a_decision_that_the_model_has_not_is_one_message(model: Path, corpus: Path) -> None:
    error = run("evaluate", model, corpus, "--decision", "per_class", code=2)[1]
    assert "there is no per_class to decide by; `atlop calibrate MODEL FILE --decision per_class` chooses one" in error


def test_fusion_says_what_it_costs_and_later_commands_decide_by_it(
    own_copy: Path, corpus: Path, tmp_path: Path
) -> None:
    line = "documents/s; 0.0 pseudo documents a document; 1.0 times the words"  # of an untrained model, none
    table, log = run("calibrate", own_copy, corpus, "--decision", "fusion")
    assert "fusion, over the offset" in table
    assert line in log
    result = tmp_path / "result.json"
    assert line in run("predict", own_copy, corpus, "--output", result)[1]
    assert line in run("evaluate", own_copy, corpus)[1]
    assert line not in run("evaluate", own_copy, corpus, "--decision", "offset")[1]


def test_a_precision_target_says_what_it_came_to(own_copy: Path, corpus: Path) -> None:
    rows = values_of(run("calibrate", own_copy, corpus, "--precision-target", "0.7")[0])
    found = json.loads(run("calibrate", own_copy, corpus, "--precision-target", "0.7", "--json")[0])
    assert rows["precision there"] == f"{100 * found['precision']['precision']:.2f}"
    assert rows["precision unseen"] == f"{100 * found['scores']['offset']['precision']:.2f}"
    assert found["precision"]["precision"] >= 0.7
    assert scores_of(own_copy, corpus)["precision"] == pytest.approx(found["precision"]["precision"])
    assert "give a lower one" in run("calibrate", own_copy, corpus, "--precision-target", "1", code=2)[1]


def test_the_evidence_threshold_is_kept_and_used(own_copy: Path, corpus: Path) -> None:
    found = json.loads(run("calibrate", own_copy, corpus, "--evidence", "--json")[0])

    kept = json.loads((own_copy / "config.json").read_text(encoding="utf-8"))["decision"]
    assert kept["evidence_threshold"] == found["decision"]["evidence_threshold"] != 0.2
    scores = json.loads(run("evaluate", own_copy, corpus, "--json")[0])["detailed"]["evidence"]["gold pairs"]
    assert scores["f1"]["value"] == pytest.approx(found["evidence"]["f1"])
    assert found["evidence"]["f1"] > found["evidence"]["f1_before"]
