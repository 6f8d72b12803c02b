import json
from pathlib import Path

import pytest

from atlop.inference import RelationExtractor
from atlop.model_folder import save_model
from tests.golden_values import golden_model, golden_tokenizer


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that finds facts."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return folder


@pytest.fixture(scope="session")
def extractor(model_folder: Path) -> RelationExtractor:
    return RelationExtractor.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def nothing_holds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decision by which nothing is a fact."""
    path = tmp_path_factory.mktemp("decision") / "decision.json"
    path.write_text(json.dumps({"use": "offset", "offset": 1000.0}), encoding="utf-8")
    return path
