"""The three ways of README lead to facts: the wheel, an empty folder, no network, and the commands of a page."""

import json
from pathlib import Path

import pytest

from scripts.three_ways import go, install
from tests.test_cli import values_of

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a shell in which the wheel is installed."""
    return install(tmp_path_factory.mktemp("wheel"))


def test_from_docred_to_the_leaderboard(environment: dict[str, str], tmp_path: Path) -> None:
    steps = go("docred", folder=tmp_path / "way", environment=environment)

    run = tmp_path / "way" / "runs" / "docred_bert_base"
    outputs = {step.command.split()[1]: step.output for step in steps}
    assert float(values_of(outputs["evaluate"])["F1"]) > 20
    assert len(json.loads((run / "result.json").read_text(encoding="utf-8"))) > 20
    assert (run / "result.zip").is_file()
    assert (tmp_path / "way" / "models" / "atlop-bert" / "model.safetensors").is_file()


def test_from_spreadsheets_to_facts_and_a_report(environment: dict[str, str], tmp_path: Path) -> None:
    go("own", folder=tmp_path / "way", environment=environment)

    lines = (tmp_path / "way" / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    facts = [fact for line in lines for fact in json.loads(line)["facts"]]
    assert len(lines) == 12
    assert sum(fact["relation"] == "country" for fact in facts) > 3
    assert "country" in (tmp_path / "way" / "report.html").read_text(encoding="utf-8")


def test_from_an_import_to_facts(environment: dict[str, str], tmp_path: Path) -> None:
    [step] = go("python", folder=tmp_path / "way", environment=environment)

    assert "The Bitter Inkwell | author | Ruth Nertley" in step.output
