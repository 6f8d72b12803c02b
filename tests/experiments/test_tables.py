"""Tables show the results of an experiment in three formats."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlop.evaluation import Difference, Estimate
from atlop.experiments import ExperimentResults, RowResult, write_tables

FIRST = RowResult(
    name="adaptive",
    f1=Estimate(0.6, 0.58, 0.62),
    ign_f1=Estimate(0.59, 0.57, 0.61),
    f1_of_seeds=(0.59, 0.61),
    ign_f1_of_seeds=(0.585, 0.595),
    difference=None,
    published={"f1": 61.27},
)
SECOND = RowResult(
    name="global",
    f1=Estimate(0.55, 0.53, 0.57),
    ign_f1=Estimate(0.54, 0.52, 0.56),
    f1_of_seeds=(0.55, 0.55),
    ign_f1_of_seeds=(0.54, 0.54),
    difference=Difference(first=0.6, second=0.55, difference=-0.05, low=-0.061, high=-0.039, p=0.0001),
    published={},
)
RESULTS = ExperimentResults(
    title="Thresholds", seeds=(1, 2), documents=250, published="Zhou et al. 2021", rows=(FIRST, SECOND)
)


def test_markdown_gives_means_deviations_intervals_and_what_was_published(tmp_path: Path) -> None:
    text = write_tables(RESULTS, path=tmp_path / "thresholds")
    header, _, first, second = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    assert header == [
        "",
        "F1",
        "95 % interval",
        "Ign F1",
        "difference",
        "difference interval",
        "p",
        "published F1",
    ]
    assert first == ["adaptive", "60.00 ± 1.41", "58.00 to 62.00", "59.00 ± 0.71", "", "", "", "61.27"]
    assert second == [
        "global",
        "55.00 ± 0.00",
        "53.00 to 57.00",
        "54.00 ± 0.00",
        "−5.00",
        "−6.10 to −3.90",
        "0.0001",
        "",
    ]
    assert "seeds 1, 2, on 250 documents" in text
    assert "Published: Zhou et al. 2021" in text
    assert (tmp_path / "thresholds.md").read_text(encoding="utf-8") == text + "\n"


def test_a_row_without_runs_says_so_beside_what_was_published(tmp_path: Path) -> None:
    published = {"f1": 61.09, "f1_deviation": 0.16, "ign_f1": 59.22}
    unscored: dict[str, Any] = {
        "f1": None,
        "ign_f1": None,
        "f1_of_seeds": (),
        "ign_f1_of_seeds": (),
        "difference": None,
    }
    rows = (
        replace(FIRST, table="Main results", f1_of_seeds=(0.6,), ign_f1_of_seeds=(0.59,)),
        replace(SECOND, table="Main results", published=published, **unscored),
        replace(SECOND, table="Ablations"),
    )

    text = write_tables(replace(RESULTS, rows=rows), path=tmp_path / "paper")

    main, ablations = text.split("**Thresholds: ")[1:]
    assert main.startswith("Main results**\n\n| ")
    assert ablations.startswith("Ablations**\n\n| ")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in main.splitlines() if line[:1] == "|"]
    header, first, second = cells[0], *(dict(zip(cells[0], row, strict=True)) for row in cells[2:])
    assert header[-2:] == ["published F1", "published Ign F1"]
    assert (first["F1"], first["seeds"]) == ("60.00", "1 of 2")
    assert (second["F1"], second["seeds"], second["Ign F1"]) == ("not run", "", "")
    assert (second["published F1"], second["published Ign F1"]) == ("61.09 ± 0.16", "59.22")
    assert (tmp_path / "paper.tex").read_text(encoding="utf-8").count(r"\toprule") == 2
    assert len((tmp_path / "paper.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(rows)


def test_evidence_stands_beside_relations_where_it_is_annotated(tmp_path: Path) -> None:
    first = replace(FIRST, evidence_f1_of_seeds=(0.4, 0.5), pair_evidence_f1_of_seeds=(0.8, 0.8))

    text = write_tables(replace(RESULTS, rows=(first, SECOND)), path=tmp_path / "evidence")

    header, _, *rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    shown = [[cell.strip() for cell in row[3:6]] for row in (header, *rows)]
    assert shown[0] == ["Ign F1", "evidence F1", "PosEvi F1"]
    assert shown[1] == ["59.00 ± 0.71", "45.00 ± 7.07", "80.00 ± 0.00"]
    assert shown[2][1:] == ["", ""]
    assert "PosEvi F1 is that of pairs with annotated evidence" in text
    assert "PosEvi" not in write_tables(RESULTS, path=tmp_path / "without")


def test_csv_holds_the_same_cells(tmp_path: Path) -> None:
    write_tables(RESULTS, path=tmp_path / "thresholds")
    with (tmp_path / "thresholds.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1][:2] == ["adaptive", "60.00 ± 1.41"]
    assert {len(row) for row in rows} == {8}


def test_latex_writes_signs_that_it_knows(tmp_path: Path) -> None:
    write_tables(RESULTS, path=tmp_path / "thresholds")
    text = (tmp_path / "thresholds.tex").read_text(encoding="utf-8")
    assert r"\toprule" in text
    assert r"60.00 $\pm$ 1.41" in text
    assert "$-$5.00" in text
    assert text.isascii()


def test_one_seed_has_no_deviation_and_no_published_column_is_empty(tmp_path: Path) -> None:
    one = RowResult(**{**FIRST.__dict__, "f1_of_seeds": (0.6,), "ign_f1_of_seeds": (0.59,), "published": {}})
    text = write_tables(
        ExperimentResults(title="One", seeds=(1,), documents=3, published="", rows=(one,)), path=tmp_path / "one"
    )
    assert "±" not in text.split("Percent")[0]
    assert "published" not in text.lower()
