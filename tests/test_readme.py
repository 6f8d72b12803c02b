"""Numbers in README and `docs/` are those of the records of runs."""

import json
import re
from pathlib import Path
from statistics import mean, stdev

import pytest

from atlop.config import RunConfig
from atlop.config_files import flat_settings, shipped_files
from atlop.experiments import load_experiment, plan_runs
from tests.documentation import DOCS, README, ROOT, text_of

RESULTS = text_of(DOCS / "results.md").splitlines()
RECORDS = sorted((ROOT / "scripts" / "measured").glob("*.json"))
EXPERIMENTS = sorted((ROOT / "scripts" / "measured" / "experiments").glob("*.json"))


def test_there_are_records() -> None:
    assert RECORDS
    assert EXPERIMENTS


def abbreviated(values: list[float]) -> str:
    """Return a score as the tables have it: in percent, with the deviation over several seeds."""
    return f"{100 * mean(values):.2f}" + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_the_scores_of_a_record_stand_in_its_row(record: Path) -> None:
    best = [run["summary"]["best"] for run in json.loads(record.read_text(encoding="utf-8"))["runs"]]
    [row] = [line for line in RESULTS if f"| `{record.stem}`" in line]
    scores = f"| {abbreviated([run['f1'] for run in best])} | {abbreviated([run['ign_f1'] for run in best])} |"
    results = text_of(README).partition("\n## Results\n")[2].splitlines()
    repeated = [line for line in results if f"| `{record.stem}`" in line]
    for line in (row, *repeated):
        assert scores in line


def test_the_times_in_readme_are_those_of_the_records() -> None:
    rows = re.findall(
        r"^\| `(\w+)`, .*? \| ([\d.]+)(?: to (\d+))?\b[^|]*\| (\w+) \| not measured", text_of(README), re.MULTILINE
    )
    assert len(rows) > 3
    for name, shortest, longest, precision in rows:
        record = json.loads((ROOT / "scripts" / "measured" / f"{name}.json").read_text(encoding="utf-8"))
        minutes = sorted(run["summary"]["seconds"] / 60 for run in record["runs"])
        assert record["config"]["trainer"]["precision"] == precision
        assert f"{minutes[0]:.{len(shortest.partition('.')[2])}f}" == shortest
        assert f"{minutes[-1]:.0f}" == (longest or f"{minutes[0]:.0f}")


@pytest.mark.parametrize("record", EXPERIMENTS, ids=lambda record: str(record.stem))
def test_the_tables_of_experiments_stand_among_the_results(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert '"/' not in text
    tables = json.loads(text)["tables"]
    assert tables
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in RESULTS if line.startswith("|")}
    for table in tables.values():
        assert {tuple(row) for row in table} <= rows


@pytest.mark.parametrize(("section", "page"), [("Results", "results.md"), ("Hardware", "speed.md")])
def test_readme_repeats_numbers_as_the_pages_have_them(section: str, page: str) -> None:
    text = text_of(README).partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    measured = {f"| `{record.stem}`" for record in RECORDS}  # held to their records above
    rows = [line for line in text.splitlines() if line.startswith("|") and line.partition(",")[0] not in measured]

    with_numbers = {row for row in rows if re.search(r"\d\.\d", row)}
    assert len(with_numbers) > 3
    assert with_numbers <= set(text_of(DOCS / page).splitlines())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_a_record_is_of_a_shipped_configuration_and_names_no_folder(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert record.stem.partition(".")[0] in {path.stem for path in shipped_files().values()}
    assert RunConfig.model_validate(json.loads(text)["config"])
    assert '"/' not in text
    for run in json.loads(text)["runs"]:
        assert {"best", "last", "steps", "train", "dev", "seconds"} <= set(run["summary"])
        assert run["summary"]["best"]["step"] in [evaluation["step"] for evaluation in run["evaluations"]]


@pytest.mark.parametrize("record", EXPERIMENTS, ids=lambda record: str(record.stem))
def test_the_record_of_an_experiment_has_the_runs_and_the_settings_of_the_shipped_ones(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    found = json.loads(text)
    sizes, seeds = ({int(each) for each in re.findall(rf"{key}=(\d+)", text)} for key in ("documents", "seed"))
    experiments = [load_experiment(f"experiments/{name}") for name in found["tables"]]
    plans = [
        plan_runs(
            each.model_copy(
                update={"sizes": tuple(sorted(sizes & {*each.sizes})), "seeds": tuple(sorted(seeds & {*each.seeds}))}
            ),
            overrides=[],
        )
        for each in experiments
    ]

    assert [run["name"] for run in found["runs"]] == sorted({run.name for plan in plans for run in plan.runs})
    assert {key for key in found["base"] if "." in key and " " not in key} <= set(flat_settings(plans[0].base))
