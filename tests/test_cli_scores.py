"""`atlop score --detailed` and `atlop compare`: scores in depth, as tables and as JSON."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.cli.score_tables import detailed_table
from atlop.evaluation import detailed_scores, fact_table
from tests.test_cli import DOCUMENT, run, values_of, write


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "dev.json", [DOCUMENT])


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """One fact right, one wrong."""
    return submission(tmp_path / "result.json", (0, 1, "P159"), (2, 1, "P17"))


def submission(path: Path, *facts: tuple[int, int, str], title: str = "Skai TV") -> Path:
    return write(path, [{"title": title, "h_idx": h, "t_idx": t, "r": r} for h, t, r in facts])


def columns_of(output: str, label: str) -> list[str]:
    """Return the cells of the line that begins with a label."""
    [line] = [line for line in output.splitlines() if re.match(rf"\s*{re.escape(label)}\s\s", line)]
    return re.split(r"\s{2,}", line.strip())[1:]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with room for every column."""
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.usefixtures("wide")
def test_score_prints_a_line_for_each_group_when_asked(result: Path, corpus: Path) -> None:
    plain, _ = run("score", result, corpus)
    output, _ = run("score", result, corpus, "--detailed")

    assert output.startswith(plain.rstrip("\n"))
    assert columns_of(output, "within") == ["50.00", "50.00 – 50.00", "50.00", "50.00", "1", "2", "2"]
    assert columns_of(output, "across")[-3:] == ["0", "0", "0"]
    assert columns_of(output, "P159")[0] == "100.00"
    assert columns_of(output, "P17")[0] == "0.00"
    assert columns_of(output, "all: 2")[0] == "50.00"


def test_relations_are_named_where_their_names_are_known() -> None:
    table = fact_table([], predictions=[], train_facts=None, unknown=1)
    scores = detailed_scores(table, documents=[], train_frequency=None)
    scores = replace(scores, relations={"P17": scores.all, "P159": scores.all})

    output = detailed_table(scores, names={"P17": "country"})

    assert columns_of(output, "P17 country")[:3] == ["–", "0.00", "–"]  # a wrong fact, and none to find
    assert columns_of(output, "P159")[0] == "–"


@pytest.mark.usefixtures("wide")
def test_train_facts_add_ign_f1_and_what_is_known_of_rare_relations(result: Path, corpus: Path) -> None:
    output, _ = run("score", result, corpus, "--detailed", "--train", corpus)

    assert columns_of(output, "P159")[-3:-1] == ["1", "0.00"]
    assert columns_of(output, "train facts < 100: 2")[0] == "50.00"
    assert "Ign F1  Ign F1 interval" in output


@pytest.mark.usefixtures("wide")
def test_a_fact_file_gives_ign_f1_and_no_train_frequency(result: Path, corpus: Path, tmp_path: Path) -> None:
    facts = write(tmp_path / "train.fact", [["Skai TV", "Athens", "P159"]])

    output, _ = run("score", result, corpus, "--detailed", "--train", facts)

    assert "Ign F1  Ign F1 interval" in output
    assert "train" not in output.partition("correct  predicted")[2]


def test_json_always_has_the_scores_in_depth(result: Path, corpus: Path) -> None:
    report = json.loads(run("score", result, corpus, "--train", corpus, "--json")[0])
    detailed = report["detailed"]

    assert detailed["all"]["f1"]["value"] == report["scores"]["f1"] == 0.5
    assert detailed["all"]["ign_f1"]["value"] == report["scores"]["ign_f1"]
    assert list(detailed) == ["all", "sentences", "mentions", "distance", "evidence", "relations", "macro"]
    assert detailed["relations"]["P159"]["train"] == 1
    assert detailed["macro"]["below 100"]["relations"] == 2


@pytest.mark.usefixtures("wide")
def test_compare_prints_differences_with_intervals_and_p_values(result: Path, corpus: Path, tmp_path: Path) -> None:
    better = submission(tmp_path / "better.json", (0, 1, "P159"), (1, 2, "P17"))

    output, _ = run("compare", corpus, result, better, "--train", corpus)

    assert output.startswith(f"{corpus}: 1 documents\nfirst:  {result}\nsecond: {better}\n\n")
    assert columns_of(output, "F1") == ["50.00", "100.00", "+50.00", "+50.00 … +50.00", "1.0000", "2"]
    assert columns_of(output, "Ign F1")[:2] == ["0.00", "0.00"]
    assert columns_of(output, "P17")[:3] == ["0.00", "100.00", "+100.00"]
    assert columns_of(output, "train facts < 500")[:3] == ["50.00", "100.00", "+50.00"]


def test_compare_gives_everything_as_json(result: Path, corpus: Path, tmp_path: Path) -> None:
    worse = submission(tmp_path / "worse.json", (0, 1, "P159"), title="Skai")

    report = json.loads(run("compare", corpus, result, worse, "--json")[0])

    f1 = report["differences"]["all"]["all"]["f1"]
    assert (f1["first"], f1["second"], f1["difference"]) == (0.5, 0.0, -0.5)
    assert [scores["f1"] for scores in report["scores"]] == [0.5, 0.0]
    assert report["scores"][1]["unknown"] == 1
    assert report["differences"]["all"]["all"]["ign_f1"] is None
    assert report["differences"]["relations"]["P159"]["recall"]["difference"] == -1.0


def test_compare_says_which_file_cannot_be_read(result: Path, corpus: Path, tmp_path: Path) -> None:
    _, missing = run("compare", corpus, result, tmp_path / "other.json", code=2)
    _, turned = run("compare", result, corpus, corpus, code=2)

    assert missing.startswith(f"atlop: error: {tmp_path / 'other.json'}: no such file")
    assert turned.startswith(f"atlop: error: {result}: is a submission; expected documents")


def test_the_help_of_compare_tells_what_p_is() -> None:
    assert "approximate randomisation" in re.sub(r"\s+", " ", run("compare", "--help")[0]).lower()


def test_the_scores_without_depth_have_no_table_of_groups(result: Path, corpus: Path) -> None:
    assert "95 % interval" not in run("score", result, corpus)[0]
    assert values_of(run("score", result, corpus)[0])["F1"] == "50.00"
