"""The examples run offline as they are, in the time that they say."""

import ast
import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from atlop.objectives import OBJECTIVES

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))


def printed_by(name: str, *arguments: object, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a script in this process and return its lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_facts_are_found_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by("facts_from_text.py", capsys=capsys)

    assert any(line.startswith("  Paul Gettard | child | Laura Gettard | margin ") for line in lines)
    assert any(line.startswith("  ExtractedFact('Paul Gettard', 'child', 'Laura Gettard', ") for line in lines)
    assert lines[-1].endswith("ends at character 100, but the text has 6 characters")


def test_a_model_learns_a_corpus_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked, scores, facts = printed_by("own_corpus.py", tmp_path / "own", capsys=capsys)

    assert checked.startswith("0 problems in train; facts of each relation: {'")
    assert float(scores.split()[2].rstrip(",")) > 0.8
    assert "'Dora Vale', 'employer', 'Northwind'" in facts


def test_an_objective_of_ones_own_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "weighted", OBJECTIVES["separate_thresholding"])  # forget it afterwards

    before, after = printed_by("new_objective.py", tmp_path / "objective", capsys=capsys)

    assert before.startswith("sample: dev F1 0.85")
    assert float(after.split()[3].rstrip(",")) > 0.7


def test_a_dataset_of_hugging_face_gets_facts(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("datasets", reason="needs datasets: pip install datasets")

    lines = printed_by("hugging_face_datasets.py", capsys=capsys)

    assert len(lines) == 13
    assert re.fullmatch(r"Lucas Trerlick: \d+ facts", lines[0])
    assert lines[-1].startswith('broken: row 4 of its batch ("broken"), entity 0, mention 0: ends at character 100')


@pytest.mark.long
def test_a_dataset_of_ray_gets_facts(capsys: pytest.CaptureFixture[str]) -> None:
    ray: Any = pytest.importorskip("ray", reason="needs Ray: pip install 'atlop[ray]'")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)

    try:
        lines = printed_by("ray_data.py", capsys=capsys)
    finally:
        ray.shutdown()

    assert len(lines) == 13
    assert sum(bool(re.search(r": \d+ facts$", line)) for line in lines) == 12


def test_the_notebook_runs_and_shows_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas", reason="needs pandas: pip install 'atlop[pandas]'")
    pyplot: Any = pytest.importorskip("matplotlib.pyplot", reason="needs matplotlib: pip install 'atlop[report]'")
    monkeypatch.chdir(tmp_path)
    pyplot.switch_backend("agg")
    namespace: dict[str, Any] = {}

    shown = [run_cell("".join(cell["source"]), namespace) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]

    tables = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert len(tables) == 3  # the facts of a document, a fact, a data frame
    assert all("<table" in table for table in tables)
    assert capsys.readouterr().out.startswith("F1 0.85")
    assert [len(axes.patches) > 5 for axes in pyplot.gcf().axes] == [True, True]
    pyplot.close("all")


def run_cell(source: str, namespace: dict[str, Any]) -> object:
    """Run the code of a cell as a notebook does, and return the value of a last expression."""
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        exec(compile(source, "notebook", "exec"), namespace)
        return None
    exec(compile(ast.Module(body, []), "notebook", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "notebook", "eval"), namespace)


def test_the_notebook_is_stored_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    for cell in NOTEBOOK["cells"]:
        assert {"cell_type", "id", "metadata", "source"} <= set(cell)
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: str(path.name))
def test_a_script_says_what_it_shows_and_how_long_it_takes(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""

    assert "second" in text
    assert f"python examples/{path.name}" in text
