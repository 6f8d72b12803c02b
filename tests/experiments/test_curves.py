"""Learning curves: nested documents, one row for each variant and size, and what the next hundred bring."""

import json
from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest

from atlop.calibration import Candidates
from atlop.config import DataConfig
from atlop.errors import AtlopError
from atlop.evaluation import Estimate, FactTable, fact_table
from atlop.experiments import load_experiment, plan_runs, with_sizes_of, write_tables
from atlop.experiments.curves import next_gains
from atlop.experiments.results import collect_results
from atlop.preprocessing import train_rows
from tests.experiments.test_tables import FIRST, RESULTS
from tests.made_documents import document
from tests.test_cli import run, values_of
from tests.test_cli_training import CONFIG

EXPERIMENT = """
title = "Curve"
config = "{config}"
seeds = [1, 2]
sizes = [1, 3, 900]

[set]
"trainer.epochs" = 1

[[variants]]
name = "slow"

[[variants]]
name = "fast"
set = {{ "optimizer.new_layers_learning_rate" = 1e-2 }}
"""


def rows(documents: int, *, seed: int, **config: object) -> list[int]:
    found = train_rows(documents, DataConfig.model_validate({"train": "train.json", "dev": "d", **config}), seed=seed)
    assert found is not None
    return [*map(int, found)]


def test_more_documents_include_the_same_fewer_and_seeds_draw_others() -> None:
    drawn = {seed: [set(rows(40, seed=seed, train_documents=number)) for number in (1, 5, 10, 40)] for seed in range(5)}

    for nested in drawn.values():
        assert [len(each) for each in nested] == [1, 5, 10, 40]
        assert all(fewer < more for fewer, more in pairwise(nested))
    assert len({frozenset(nested[2]) for nested in drawn.values()}) == 5
    assert rows(40, seed=3, train_documents=10) == sorted(drawn[3][2])


def test_a_fold_that_is_left_out_is_not_drawn_from() -> None:
    kept = rows(40, seed=1, leave_out=(2, 4))

    assert set(rows(40, seed=1, leave_out=(2, 4), train_documents=30)) == set(kept)
    assert set(rows(40, seed=1, leave_out=(2, 4), train_documents=7)) < set(kept)
    with pytest.raises(AtlopError, match=r"data\.train_documents: 31, but train\.json has only 30"):
        rows(40, seed=1, leave_out=(2, 4), train_documents=31)


@pytest.fixture
def source(tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path) -> Path:
    config = tmp_path / "tiny.toml"
    config.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    path = tmp_path / "curve.toml"
    path.write_text(EXPERIMENT.format(config=config), encoding="utf-8")
    return path


def test_each_variant_has_a_row_for_each_size_and_a_batch_holds_no_more(source: Path) -> None:
    plan = plan_runs(load_experiment(str(source)), overrides=())

    assert list(plan.rows) == [
        f"{name}, {size}" for name in ("slow", "fast") for size in ("1 document", "3 documents", "900 documents")
    ]
    assert len(plan.runs) == len({run.name for run in plan.runs}) == 2 * 3 * 2
    first = [runs[0].config for runs in plan.rows.values()]
    assert [config.data.train_documents for config in first] == [1, 3, 900] * 2
    assert [config.trainer.batch_size for config in first] == [1, 2, 2] * 2


def test_sizes_above_the_train_file_are_left_out(source: Path, tiny_corpus: Path) -> None:
    experiment, data = load_experiment(str(source)), DataConfig(train=tiny_corpus, dev=tiny_corpus)

    assert with_sizes_of(experiment, data=data).sizes == (1, 3)
    with pytest.raises(AtlopError, match=r"sizes: all are above the .* documents of .*; list smaller ones"):
        with_sizes_of(experiment.model_copy(update={"sizes": (800, 900)}), data=data)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [("[1, 1]", "duplicate size: 1"), ("[0]", "sizes.0"), ('["few"]', "sizes.0")],
)
def test_sizes_that_are_wrong_are_named(sizes: str, message: str, source: Path) -> None:
    source.write_text(source.read_text(encoding="utf-8").replace("[1, 3, 900]", sizes), encoding="utf-8")
    with pytest.raises(AtlopError, match=message):
        load_experiment(str(source))


DOCUMENTS = [
    document("a b .", entities=[[(0, 0, 1)], [(0, 1, 2)]], facts=[(0, 1, "P17")], title=str(number))
    for number in range(4)
]


def table(found: int) -> FactTable:
    """Facts of a run that finds those of the first documents, one each."""
    facts = [each.facts or () if number < found else () for number, each in enumerate(DOCUMENTS)]
    return fact_table(DOCUMENTS, predictions=facts, train_facts=None)


def candidates(found: int) -> Candidates:
    """The same facts as a model's candidates, all above TH."""
    numbers, ones = np.arange(found), np.ones(found, dtype=np.int64)
    margin, correct = np.ones(found, np.float32), np.ones(found, np.bool_)
    return Candidates(("P17",), numbers, 0 * ones, ones, ones, margin, correct, gold=np.ones(4, np.int64))


def f1(found: int) -> float:
    return 2 * found / (found + 4)


def test_the_next_hundred_are_worth_what_the_curve_says_in_the_logarithm_of_the_size() -> None:
    curve = {10: [table(1), table(1)], 50: [table(2), table(2)], 500: [table(3), table(4)]}

    gains = next_gains(curve)

    low, middle, high = f1(1), f1(2), (f1(3) + f1(4)) / 2
    slope = (high - middle) / log(500 / 50)
    assert gains[10].value == pytest.approx(middle + slope * log(110 / 50) - low)
    assert gains[50].value == pytest.approx(slope * log(150 / 50))
    assert gains[500].value == pytest.approx(slope * log(600 / 500))  # beyond the last size
    assert all(gain.low <= gain.value <= gain.high for gain in gains.values())
    assert next_gains({10: [table(1)]}) == {}


def test_a_size_that_is_measured_needs_no_interpolation() -> None:
    gains = next_gains({1: [table(1)], 101: [table(3)]})

    assert gains[1].value == pytest.approx(f1(3) - f1(1))


def test_rows_are_compared_with_the_first_of_their_size(source: Path) -> None:
    text = source.read_text(encoding="utf-8").replace("[1, 3, 900]", "[10, 50]")
    source.write_text(text, encoding="utf-8")
    plan = plan_runs(load_experiment(str(source)), overrides=())
    found = {"slow, 10 documents": 1, "slow, 50 documents": 2, "fast, 10 documents": 3, "fast, 50 documents": 4}
    both = {
        (run.name, reading): (candidates(found[name]), candidates(found[name]))
        for name, runs in plan.rows.items()
        for run in runs[: 1 if name == "fast, 50 documents" else 2]
        for reading in run.readings
    }

    rows = collect_results(plan, candidates=both, documents=DOCUMENTS, train_facts=frozenset()).rows

    assert [(row.table, row.size) for row in rows] == [("slow", 10), ("slow", 50), ("fast", 10), ("fast", 50)]
    assert [row.f1 and row.f1.value for row in rows] == [pytest.approx(f1(number)) for number in found.values()]
    assert [row.difference and row.difference.difference for row in rows] == [
        *(None, None),
        *(pytest.approx(f1(3) - f1(1)), pytest.approx(f1(4) - f1(2))),
    ]
    gain = (f1(2) - f1(1)) / log(5)
    assert [row.gain and row.gain.value for row in rows] == [
        *(pytest.approx(gain * log(11)), pytest.approx(gain * log(3))),
        *(None, None),  # a seed is not scored yet, and without it there is no second size
    ]


def test_the_table_has_the_gain_beside_the_score(tmp_path: Path) -> None:
    row = replace(FIRST, size=10, gain=Estimate(0.021, -0.005, 0.04))

    text = write_tables(replace(RESULTS, rows=(row,)), path=tmp_path / "curve")

    header, _, cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    assert header[1:5] == ["F1", "95 % interval", "next 100", "next 100 interval"]
    assert cells[3:5] == ["+2.10", "−0.50 to +4.00"]
    assert "from the first row with as many train documents" in text


@pytest.mark.long
def test_the_command_lists_trains_resumes_and_draws(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'atlop[report]'")
    folder = tmp_path / "out"
    source.write_text(source.read_text(encoding="utf-8").replace("[1, 2]", "[1]"), encoding="utf-8")

    listed, logged = run("experiment", source, "--output", folder, "--dry-run")
    assert "4 of 4 runs are left: 4 steps, " in listed
    assert "larger sizes of the experiment are left out" in logged

    printed = json.loads(run("experiment", source, "--output", folder, "--json")[0])

    assert [(row["table"], row["size"]) for row in printed["rows"]] == [
        (name, size) for name in ("slow", "fast") for size in (1, 3)
    ]
    slow, fast = printed["rows"][1], printed["rows"][3]
    assert slow["difference"] is None
    assert fast["difference"]["first"] == pytest.approx(slow["f1"]["value"])
    assert all(row["gain"] for row in printed["rows"])
    assert {path.name for path in folder.glob("curve.*")} == {
        f"curve.{kind}" for kind in ("md", "csv", "tex", "png", "svg")
    }
    assert "**Curve: fast**" in (folder / "curve.md").read_text(encoding="utf-8")

    monkeypatch.setattr("atlop.experiments.running.train", None)  # nothing is trained again
    assert "slow, 1 document" in run("experiment", source, "--output", folder)[0]
    listed, _ = run("experiment", source, "--output", folder, "--dry-run")
    assert [*values_of(listed).values()].count("scored") == 4
