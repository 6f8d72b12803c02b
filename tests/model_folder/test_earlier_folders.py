"""A model folder that an earlier version wrote gives the scores and facts that it gave then."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from atlop.decoding import Probability
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.model_folder import load_model, preprocessor_for
from atlop.prediction import predict_facts, score_documents
from tests.golden_values import golden_documents

SAVED = Path(__file__).parents[1] / "saved_by_0_1"


def test_it_gives_the_same_scores_and_facts() -> None:
    model, tokenizer = load_model(SAVED / "model")
    documents = list(preprocessor_for(model, tokenizer).preprocess(golden_documents()))
    accelerator = accelerator_for("float32")
    expected = load_file(SAVED / "scores.safetensors")
    for scored in score_documents(model, documents, accelerator=accelerator):
        torch.testing.assert_close(scored.scores, expected.pop(f"document_{scored.index}"), atol=1e-5, rtol=0)
    assert not expected
    facts = predict_facts(model, documents, accelerator=accelerator)
    found = [[[fact.subject, fact.object, fact.relation] for fact in of_document] for of_document in facts]
    assert found == json.loads((SAVED / "facts.json").read_text(encoding="utf-8"))


def test_its_calibration_is_read_as_a_decision(tmp_path: Path) -> None:
    folder = shutil.copytree(SAVED / "model", tmp_path / "model")
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    per_class = load_model(folder)[0].config.stored_decision
    config["calibration"] |= {"rule": "global", "thresholds": dict.fromkeys(config["calibration"]["thresholds"], 0.5)}
    file.write_text(json.dumps(config), encoding="utf-8")
    offset = load_model(folder)[0].config.stored_decision

    assert (per_class.use, offset.use, offset.offset) == ("per_class", "offset", 0.5)
    assert per_class.per_class is not None
    assert per_class.per_class["P131"] == 0.1
    assert per_class.probability == offset.probability == Probability(slope=1.5, intercept=-0.25)


@pytest.mark.parametrize(
    ("found", "changed", "message"),
    [
        (
            "context_pooling",
            "context_poling",
            r"config\.json, context_poling: unknown key; did you mean context_pooling",
        ),
        ('"localized"', '"localised"', r"config\.json, sections\.pooling\.context: .*; found \"localised\""),
        ('"mean"', '"max"', r"config\.json, pooling\.mentions: 'max' is not known"),
    ],
)
def test_a_setting_that_is_misspelt_or_not_known_is_named(
    found: str, changed: str, message: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(SAVED / "model", tmp_path / "model")
    file = folder / "config.json"
    text = file.read_text(encoding="utf-8")
    assert found in text
    file.write_text(text.replace(found, changed), encoding="utf-8")
    with pytest.raises(AtlopError, match=message):
        load_model(folder)
