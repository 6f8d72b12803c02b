"""Tables of the commands fit the terminal: columns are dropped, rows never wrap."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from atlop.cli.score_tables import comparison_table, detailed_table
from atlop.cli.text import Row, grid, score_rows, statistics_rows, table, truncation_rows
from atlop.evaluation import compare, detailed_scores, fact_table
from atlop.experiments import HEADER, table_rows
from atlop.schema import Document, Entity, Fact, Mention
from tests.experiments.test_tables import RESULTS
from tests.test_cli import DOCUMENT, run, write

LONG = "located in the administrative territorial entity, which is in the same country"
MANY = 1_234_567


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def documents(relation: str) -> list[Document]:
    """A document with one fact."""
    entities = tuple(Entity((Mention(name, 0, start, start + 1, "ORG"),)) for start, name in enumerate("ab"))
    return [Document("one", sentences=(("a", "b"),), entities=entities, facts=(Fact(0, 1, relation),))]


def detailed(relation: str) -> str:
    labelled = documents(relation)
    scored = fact_table(labelled, predictions=[labelled[0].facts or ()], train_facts=frozenset())
    scores = detailed_scores(scored, documents=labelled, train_frequency={relation: MANY})
    scores = replace(scores, relations={key: replace(each, correct=MANY, submitted=MANY, gold=MANY)
                                        for key, each in scores.relations.items()})  # fmt: skip
    return detailed_table(scores, names={relation: LONG})


def compared(relation: str) -> str:
    labelled = documents(relation)
    none, every = (
        fact_table(labelled, predictions=[facts], train_facts=frozenset()) for facts in ((), labelled[0].facts or ())
    )
    return comparison_table(compare(none, every, documents=labelled, train_frequency={relation: 1}))


STATISTICS = {"documents": MANY, "relations": {LONG: MANY, "P17": 2}, "repeated_titles": ["one"], "words_mean": 1.5}
SCORES = {"f1": 1.0, "ign_f1": None, "precision": 1.0, "recall": 1.0, "evidence_f1": 0.0, "evidence_submitted": 0,
          "correct": MANY, "submitted": MANY, "gold": MANY, "seen": MANY}  # fmt: skip
TRUNCATION = {"documents": MANY, "mentions": MANY, "entities": MANY, "facts": MANY}
DROP = ["published Ign F1", "95 % interval", "published F1", "difference interval", "Ign F1"]
EARLY: Row = ("stopped early, after step", "1,234,567", "of 1,234,567; no new best in 12 evaluations")
TABLES = {
    "scores": lambda: table([*score_rows(SCORES), *truncation_rows(TRUNCATION), EARLY]),
    "statistics": lambda: table(statistics_rows(STATISTICS)),
    "long cells": lambda: table([(LONG, LONG, LONG), ("files", "1", LONG)]),
    "detailed": lambda: detailed("P131"),
    "comparison": lambda: compared("P131"),
    "experiment": lambda: grid(HEADER, table_rows(RESULTS), drop=DROP),
    "runs": lambda: grid(
        ["run", "state", "minutes"], [[LONG[:64], "trained", "9"]], drop=["minutes"], whole_labels=True
    ),
}


@pytest.mark.parametrize("width", [80, 60, 200])
@pytest.mark.parametrize("kind", TABLES)
def test_no_line_is_wider_than_the_terminal_and_no_row_wraps(
    kind: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    wide = TABLES[kind]().splitlines()
    monkeypatch.setenv("COLUMNS", str(width))

    lines = TABLES[kind]().partition("\n\nLeft out")[0].splitlines()[: len(wide)]

    assert max(map(cell_len, lines)) <= width
    assert [line[:10].rstrip() for line in lines[1:]] == [line[:10].rstrip() for line in wide[1:]]  # a line each


@pytest.mark.parametrize(
    ("kind", "shown", "dropped"),
    [
        ("detailed", "F1 precision recall gold Ign F1", "Ign F1 interval, predicted, correct, 95 % interval, train"),
        ("comparison", "first second difference 95 % interval p", "gold"),
        ("experiment", "F1 Ign F1 difference difference interval p", "95 % interval, published F1"),
    ],
)
def test_the_least_important_columns_go_first_and_are_named(kind: str, shown: str, dropped: str) -> None:
    lines = TABLES[kind]().splitlines()

    assert lines[0].split() == shown.split()
    assert f"Left out at this width: {dropped}." in " ".join(lines)


def test_notes_that_do_not_fit_follow_the_table() -> None:
    lines = table([("facts under unknown titles", "12,345", LONG), ("F1", "50.00", "fits")]).splitlines()

    assert lines[0] == "facts under unknown titles  12,345"
    assert lines[1].endswith("  fits")
    assert lines[3] == f"facts under unknown titles: {LONG}"


def test_a_name_that_must_be_whole_costs_a_column() -> None:
    lines = TABLES["runs"]().splitlines()

    assert lines[1].startswith(LONG[:64])
    assert "minutes" not in lines[0]


def test_cells_are_printed_as_they_are_without_colours_and_on_one_line() -> None:
    assert table([("[red]a[/red] :smile:", "1"), ("b\nc\x1b[31m", "2")]) == (
        "[red]a[/red] :smile:  1\nb c\\x1b[31m           2"
    )


def test_wide_characters_take_two_columns() -> None:
    assert [cell_len(line) for line in table([("関係", "1"), ("abc", "2")]).splitlines()] == [7, 6 + 1]


def test_without_a_terminal_the_width_is_80(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    corpus = write(tmp_path / "dev.json", [DOCUMENT])
    result = write(tmp_path / "result.json", [{"title": "Skai TV", "h_idx": 0, "t_idx": 1, "r": "P159"}])

    output, _ = run("score", result, corpus, "--detailed", "--train", corpus)

    assert max(map(len, output.splitlines()[1:])) <= 80
    assert "Left out" in output
    assert json.loads(run("score", result, corpus, "--json")[0])["detailed"]
