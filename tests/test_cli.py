"""The commands that need no model, and what all commands share."""

import errno
import gc
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from atlop import __version__, checking, scoring
from atlop.cli import app
from atlop.cli.text import MAX_LISTED
from atlop.corpora import CorpusStatistics, corpus_statistics
from atlop.schema import Document

COMMANDS = (
    *("train", "watch", "evaluate", "predict", "calibrate"),
    *("experiment", "distill", "suspects", "extract", "serve", "graph", "score"),
    *(
        "compare",
        "plot",
        "report",
        "check",
        "convert",
        "download",
        "import-checkpoint",
        "push",
        "configs",
        "config show",
        "relations add",
    ),
)
DOCUMENT = {
    "title": "Skai TV",
    "sents": [["Skai", "TV", "is", "in", "Athens", "."], ["Athens", "is", "in", "Greece", "."]],
    "vertexSet": [
        [{"name": "Skai TV", "sent_id": 0, "pos": [0, 2], "type": "ORG"}],
        [
            {"name": "Athens", "sent_id": 0, "pos": [4, 5], "type": "LOC"},
            {"name": "Athens", "sent_id": 1, "pos": [0, 1], "type": "LOC"},
        ],
        [{"name": "Greece", "sent_id": 1, "pos": [3, 4], "type": "LOC"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P159", "evidence": [0]}, {"h": 1, "t": 2, "r": "P17", "evidence": [1]}],
}


def run(*arguments: object, code: int = 0, stdin: str | None = None) -> tuple[str, str]:
    """Run a command in this process; return standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stdout, result.stderr


def run_apart(*arguments: object, code: int = 0, **environment: str) -> tuple[str, str]:
    """Run Python in a process of its own; return standard output and standard error."""
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert result.returncode == code, result.stderr
    return result.stdout, result.stderr


def values_of(table: str) -> dict[str, str]:
    """Return the value of each label in a printed table."""
    rows = (re.split(r"\s{2,}", line.strip()) for line in table.splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "dev.json", [DOCUMENT])


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """One fact right, one wrong."""
    facts = [(0, 1, "P159"), (2, 1, "P17")]
    rows = [{"title": "Skai TV", "h_idx": h, "t_idx": t, "r": r} for h, t, r in facts]
    return write(tmp_path / "result.json", rows)


def test_help_lists_every_command() -> None:
    output, _ = run("--help")

    assert [line.split()[0] for line in output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()] == [
        command.split()[0] for command in COMMANDS
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example_on_a_line_of_its_own(command: str) -> None:
    output, _ = run(*command.split(), "--help")

    assert re.search(rf"\n  Examples?:\n    atlop {command}( \S.*)?\n", output)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "serve"])  # which has no result
def test_every_command_can_print_json(command: str) -> None:
    assert "--json" in run(*command.split(), "--help")[0]


def test_the_version_is_printed() -> None:
    assert run("--version")[0] == f"atlop {__version__}\n"


def test_python_runs_the_package_as_the_command() -> None:
    assert run_apart("-m", "atlop", "--version")[0] == f"atlop {__version__}\n"


def test_the_option_layout_is_refused_with_its_new_name(corpus: Path) -> None:
    assert run("check", corpus, "--layout", "docred", code=2)[1] == (
        "atlop: error: --layout was renamed to --format in version 0.2\n"
    )
    assert "No such option: --layuot" in run("check", corpus, "--layuot", "docred", code=2)[1]


def test_an_unknown_command_ends_with_code_2() -> None:
    assert "No such command 'trian'" in run("trian", code=2)[1]


@pytest.mark.parametrize("arguments", [["--help"], ["score", "{result}", "{corpus}"], ["check", "{corpus}"]])
def test_commands_without_a_model_do_not_import_torch(arguments: list[str], corpus: Path, result: Path) -> None:
    filled = [argument.format(result=result, corpus=corpus) for argument in arguments]
    program = "\n".join(
        [
            "import sys",
            "from atlop.cli import app",
            f"app({filled}, standalone_mode=False)",
            "print([name for name in ('torch', 'transformers', 'accelerate') if name in sys.modules])",
        ]
    )

    assert run_apart("-c", program)[0].splitlines()[-1] == "[]"


def test_progress_bars_seldom_write_to_a_log_file(corpus: Path, result: Path) -> None:
    program = f"""
from atlop.cli import app
app({[*map(str, ("score", result, corpus))]}, standalone_mode=False)
from tqdm import tqdm
print(tqdm([]).mininterval)
"""
    assert run_apart("-c", program)[0].splitlines()[-1] == "30.0"


def test_ctrl_c_ends_with_code_130_and_no_traceback(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "read_labelled", interrupt)

    assert run("score", corpus, corpus, code=130) == ("", "atlop: interrupted\n")


def test_a_full_disk_is_one_message(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/first/config.toml")

    monkeypatch.setattr(scoring, "read_labelled", fail)

    _, problem = run("score", corpus, corpus, code=2)

    assert problem == "atlop: error: runs/first/config.toml: No space left on device\n"


def test_a_reader_that_goes_away_is_no_error(corpus: Path) -> None:
    shell = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m atlop check '{corpus}' --json | head -1"], capture_output=True, text=True
    )

    assert (shell.stdout, shell.stderr) == ("{\n", "")


# score


def test_score_prints_percent_and_counts(result: Path, corpus: Path) -> None:
    output, problem = run("score", result, corpus)

    assert output.startswith(f"{corpus}: 1 documents\n\n")
    assert values_of(output) == {
        "F1": "50.00",
        "Ign F1": "–",
        "precision": "50.00",
        "recall": "50.00",
        "evidence F1": "–",
        "correct facts": "1",
        "predicted facts": "2",
        "gold facts": "2",
        "rows that repeat": "0",
        "facts under unknown titles": "0",
    }
    assert problem == ""


def test_score_gives_every_number_as_json(result: Path, corpus: Path) -> None:
    output, _ = run("score", result, corpus, "--train", corpus, "--json")

    report = json.loads(output)
    assert report["file"]["documents"] == 1
    assert report["scores"]["f1"] == 0.5
    assert report["scores"]["seen"] == 1
    assert report["scores"]["ign_f1"] == 0.0


def test_ign_f1_is_null_where_there_are_no_train_facts(result: Path, corpus: Path) -> None:
    scores = json.loads(run("score", result, corpus, "--json")[0])["scores"]

    assert scores["ign_f1"] is scores["ign_precision"] is scores["seen"] is None


def test_ign_f1_takes_a_fact_file(result: Path, corpus: Path, tmp_path: Path) -> None:
    facts = write(tmp_path / "train.fact", [["Greece", "Athens", "P17"]])

    output, _ = run("score", result, corpus, "--train", facts)

    assert values_of(output)["Ign F1"] == "50.00"
    assert values_of(output)["correct, seen in training"] == "0"


@pytest.mark.parametrize("name", ["plain", "duplicates", "evidence", "perfect", "few", "unknown titles"])
def test_the_command_scores_as_the_golden_values_say(golden: Path, tmp_path: Path, name: str) -> None:
    case = json.loads((golden / "scores" / "cases.json").read_text(encoding="utf-8"))["cases"][name]
    submission = write(tmp_path / "result.json", case["predictions"])
    train = golden / "scores" / "train_annotated.json"

    output, _ = run("score", submission, golden / "documents.json", "--train", train, "--json")

    scores = json.loads(output)["scores"]
    for measure in ("f1", "ign_f1", "evidence_f1"):
        assert scores[measure] == pytest.approx(case[measure], abs=1e-9)


def test_score_counts_rows_that_repeat_and_titles_that_no_document_has(corpus: Path, tmp_path: Path) -> None:
    known = {"title": "Skai TV", "h_idx": 0, "t_idx": 1, "r": "P159"}
    submission = write(tmp_path / "result.json", [known, known, known | {"title": "Skai"}])

    report = json.loads(run("score", submission, corpus, "--json")[0])

    assert (report["duplicates"], report["unknown_titles"], report["scores"]["submitted"]) == (1, ["Skai"], 2)


def test_score_refuses_documents_without_labels(result: Path, tmp_path: Path) -> None:
    unlabelled = {key: value for key, value in DOCUMENT.items() if key != "labels"}
    corpus = write(tmp_path / "test.json", [unlabelled])

    output, problem = run("score", result, corpus, code=2)

    assert output == ""
    assert problem == (
        f'atlop: error: {corpus}, document "Skai TV": has no labels to score against; give a labelled file\n'
    )


def test_warnings_stay_out_of_json(result: Path, tmp_path: Path) -> None:
    twice = write(tmp_path / "twice.json", [DOCUMENT | {"labels": 2 * DOCUMENT["labels"]}])  # type: ignore[operator]

    output, problem = run("score", result, twice, "--json")

    assert json.loads(output)["file"]["merged_facts"] == 2
    assert problem.startswith(f"atlop: warning: {twice}: 2 facts merged ")


def test_a_log_handler_does_not_outlive_its_command(result: Path, corpus: Path) -> None:
    import logging

    package = logging.getLogger("atlop")
    before = list(package.handlers), package.level

    run("score", result, corpus)
    run("score", result, "nowhere.json", code=2)

    assert (list(package.handlers), package.level) == before


# check


def test_check_prints_the_statistics_of_a_valid_corpus(corpus: Path) -> None:
    output, problem = run("check", corpus)

    assert output.startswith(f"{corpus}: corpus, valid\n\n")
    values = values_of(output)
    assert (values["documents"], values["facts"], values["relations"], values["P17"]) == ("1", "2", "2", "1")
    assert values["words mean"] == "11.0"
    assert problem == ""


def test_check_says_which_format_it_recognised(corpus: Path) -> None:
    assert values_of(run("check", corpus)[0])["format"] == "docred"
    assert json.loads(run("check", corpus, "--json")[0])["format"] == "docred"


def test_check_takes_the_format_that_it_is_told(corpus: Path, tmp_path: Path) -> None:
    text = tmp_path / "documents.txt"
    text.write_text("no JSON", encoding="utf-8")

    assert "name the format with --format" in run("check", text, code=2)[0]
    assert "line 1, column 1: not valid JSON" in run("check", text, "--format", "docred", code=2)[0]
    assert "unknown format 'docret'" in run("check", corpus, "--format", "docret", code=2)[0]


def test_check_counts_what_is_odd(tmp_path: Path) -> None:
    relations = [{"subject": subject, "object": 1, "relation": "is"} for subject in (0, 0, 1)]
    line = {"text": "a b", "entities": [{"mentions": [[0, 1]]}, {"mentions": [[2, 3]]}], "relations": relations}

    output, problem = run("check", write(tmp_path / "dev.jsonl", line | {"pairs": []}))

    values = values_of(output)
    assert (values["repeated facts"], values["self relations"], values["unclassified facts"]) == ("1", "1", "1")
    assert problem == ""


def test_check_holds_one_document_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "dev.json", [DOCUMENT | {"title": f"held {number}"} for number in range(12)])
    most = 0

    def counted(documents: Iterable[Document]) -> CorpusStatistics:
        def watched() -> Iterator[Document]:
            nonlocal most
            for document in documents:
                most = max(most, sum(type(item) is Document and item.title[:4] == "held" for item in gc.get_objects()))
                yield document

        return corpus_statistics(watched())

    monkeypatch.setattr(checking, "corpus_statistics", counted)

    relations = write(tmp_path / "rel2id.json", {"P159": 1, "P17": 2})
    assert values_of(run("check", path, "--relations", relations)[0])["documents"] == "12"
    assert 1 <= most <= 2


def test_check_counts_problems_in_the_table(tmp_path: Path) -> None:
    output, _ = run("check", write(tmp_path / "dev.json", [DOCUMENT, 7]), code=2)

    assert values_of(output)["problems"] == "1"


def test_check_counts_tokens_and_what_cuts_would_cost(corpus: Path, golden: Path, tmp_path: Path) -> None:
    sentences: Any = DOCUMENT["sents"]
    entities: Any = DOCUMENT["vertexSet"]
    later = [[mention | {"sent_id": mention["sent_id"] + 1} for mention in entity] for entity in entities]
    long = DOCUMENT | {"title": "long", "sents": [600 * ["Skai"], *sentences], "vertexSet": later}
    both = write(tmp_path / "both.json", [DOCUMENT, long])

    values = values_of(run("check", both, "--tokenizer", golden / "bert")[0])
    report = json.loads(run("check", both, "--tokenizer", golden / "bert", "--json")[0])["statistics"]

    assert (values["mentions lost at 512 tokens"], values["facts lost at 512 tokens"]) == ("4", "2")
    assert report["lost"]["512"] == {"documents": 1, "mentions": 4, "entities": 3, "facts": 2}
    assert values["tokens"] == f"{report['tokens']:,}"
    assert report["tokens"] > report["tokens_max"] > 600
    assert "tokens" not in values_of(run("check", corpus)[0])


def test_check_says_that_a_tokenizer_cannot_be_loaded(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    _, problem = run("check", corpus, "--tokenizer", tmp_path / "empty", code=2)

    assert f"tokenizer '{tmp_path / 'empty'}' cannot be loaded from this folder: " in problem


def test_a_submission_is_not_taken_for_documents(result: Path) -> None:
    _, problem = run("score", result, result, code=2)

    assert (
        problem == f"atlop: error: {result}: is a submission; expected documents, with their sentences and entities\n"
    )


def test_check_gives_every_statistic_as_json(corpus: Path) -> None:
    report = json.loads(run("check", corpus, "--json")[0])

    assert (report["kind"], report["valid"], report["problems"]) == ("corpus", True, [])
    assert report["statistics"]["relations"] == {"P159": 1, "P17": 1}
    assert report["statistics"]["pairs"] == 6


def test_check_reads_a_corpus_without_labels(tmp_path: Path) -> None:
    null = write(tmp_path / "test.json", [{**DOCUMENT, "labels": None}])
    bare = write(tmp_path / "bare.json", [{key: value for key, value in DOCUMENT.items() if key != "labels"}])

    assert [values_of(run("check", corpus)[0])["facts"] for corpus in (null, bare)] == ["–", "–"]


def test_check_names_every_invalid_document_once(tmp_path: Path) -> None:
    beyond = [{"name": "Skai TV", "sent_id": 0, "pos": [4, 31], "type": "ORG"}]
    invalid = DOCUMENT | {"vertexSet": [beyond]}
    corpus = write(tmp_path / "dev.json", [invalid, DOCUMENT, 7])

    output, problem = run("check", corpus, code=2)

    place = f'{corpus}, document 0 ("Skai TV"), entity 0, mention 0'
    assert output.startswith(
        f"{corpus}: corpus, not valid\n"
        f"{place}: ends at word 31, but sentence 0 has 6 words\n"
        f"{corpus}, document 2: expected an object with"
    )
    assert problem == ""


def test_check_lists_a_long_row_of_problems_in_part_but_all_as_json(tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT, *range(50)])

    output, _ = run("check", corpus, code=2)
    report = json.loads(run("check", corpus, "--json", code=2)[0])

    assert f"… and {50 - MAX_LISTED} more; --json lists all" in output
    assert len(report["problems"]) == 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Skai TV", "line 1, column 1: not valid JSON"),
        ('[{"title": "Skai', "not valid JSON"),
        ("[1, 2, 3]", "document 0: expected an object with"),
        ("{}", 'key "title" is missing; found no key'),
    ],
)
def test_check_says_what_is_wrong_with_a_file_that_is_no_corpus(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(text, encoding="utf-8")

    assert message in run("check", path, code=2)[0]
    report = json.loads(run("check", path, "--json", code=2)[0])
    assert (report["valid"], report["statistics"]) == (False, None)
    assert message in report["problems"][0]


def test_check_names_relations_that_are_not_known(corpus: Path, tmp_path: Path) -> None:
    relations = write(tmp_path / "rel2id.json", {"Na": 0, "P17": 1})

    output, _ = run("check", corpus, "--relations", relations, code=2)

    assert 'relation "P159" is not among the 1 known ones' in output


def test_check_says_that_titles_repeat(tmp_path: Path) -> None:
    output, _ = run("check", write(tmp_path / "dev.json", [DOCUMENT, DOCUMENT]))

    assert re.search(r"repeated titles +1  a submission would be refused", output)


def test_check_knows_a_submission_and_prints_its_counts(result: Path, corpus: Path) -> None:
    output, _ = run("check", result, "--against", corpus)

    assert output.startswith(f"{result}: submission, valid\n\n")
    assert values_of(output) == {"documents": "1", "documents with facts": "1", "facts": "2", "relations": "2"}


def test_check_asks_for_the_file_that_a_submission_is_for(result: Path) -> None:
    _, problem = run("check", result, code=2)

    assert problem == (
        f"atlop: error: {result}: is a submission; give the file that it is for, as in --against test.json\n"
    )


def test_check_names_what_a_leaderboard_would_refuse(corpus: Path, tmp_path: Path) -> None:
    rows = [
        {"title": "Skai TV", "h_idx": 0, "t_idx": 3, "r": "P17"},
        {"title": "Skai", "h_idx": 0, "t_idx": 1, "r": "P17"},
        {"title": "Skai TV", "h_idx": 0, "t_idx": 1, "r": "P999"},
    ]
    relations = write(tmp_path / "rel2id.json", {"Na": 0, "P17": 1})
    packed = tmp_path / "result.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("result.json", json.dumps(rows))

    report = json.loads(run("check", packed, "--against", corpus, "--relations", relations, "--json", code=2)[0])

    assert report["kind"] == "submission"
    assert [re.sub(r".*row (\d).*", r"\1", problem) for problem in report["problems"]] == ["0", "1", "2"]


def test_check_takes_an_empty_list_for_what_it_is_asked_about(tmp_path: Path, corpus: Path) -> None:
    empty = write(tmp_path / "empty.json", [])

    assert json.loads(run("check", empty, "--json")[0])["kind"] == "corpus"
    assert json.loads(run("check", empty, "--against", corpus, "--json")[0])["kind"] == "submission"
