"""Numbers in README are those of the records of runs."""

import json
from pathlib import Path
from statistics import mean, stdev

import pytest

from atlop.config import RunConfig, find_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
RECORDS = sorted((ROOT / "scripts" / "measured").glob("*.json"))
EXPERIMENTS = sorted((ROOT / "scripts" / "measured" / "experiments").glob("*.json"))


def test_there_are_records() -> None:
    assert RECORDS
    assert EXPERIMENTS


def shown(values: list[float]) -> str:
    """Return a score as README's tables have it: in percent, with the deviation over several seeds."""
    return f"{100 * mean(values):.2f}" + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_the_scores_of_a_record_stand_in_its_row(record: Path) -> None:
    best = [run["summary"]["best"] for run in json.loads(record.read_text(encoding="utf-8"))["runs"]]
    [row] = [line for line in README if f"| `{record.stem}`" in line]
    assert f"| {shown([each['f1'] for each in best])} | {shown([each['ign_f1'] for each in best])} |" in row


@pytest.mark.parametrize("record", EXPERIMENTS, ids=lambda record: str(record.stem))
def test_the_tables_of_experiments_stand_in_the_readme(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert '"/' not in text
    tables = json.loads(text)["tables"]
    assert tables
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in README if line.startswith("|")}
    for table in tables.values():
        assert {tuple(row) for row in table} <= rows


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_a_record_is_of_a_shipped_configuration_and_names_no_folder(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert find_config(record.stem.partition(".")[0]).is_file()
    assert RunConfig.model_validate(json.loads(text)["config"])
    assert '"/' not in text
