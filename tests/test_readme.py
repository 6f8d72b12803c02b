"""Numbers in README are those of the records of runs."""

import json
from pathlib import Path

import pytest

from atlop.config import RunConfig, find_config

ROOT = Path(__file__).parents[1]
RECORDS = sorted((ROOT / "scripts" / "measured").glob("*.json"))


def test_there_are_records() -> None:
    assert RECORDS


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_the_scores_of_a_record_stand_in_its_row(record: Path) -> None:
    best = json.loads(record.read_text(encoding="utf-8"))["summary"]["best"]
    [row] = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if f"| `{record.stem}`" in line
    ]
    assert f"| {100 * best['f1']:.2f} | {100 * best['ign_f1']:.2f} |" in row


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_a_record_is_of_a_shipped_configuration_and_names_no_folder(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert find_config(record.stem).is_file()
    assert RunConfig.model_validate(json.loads(text)["config"])
    assert '"/' not in text
