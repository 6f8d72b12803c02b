"""The folder of a run tells later what was done."""

import json
from pathlib import Path

import pytest

from atlop import __version__
from atlop.config import DataConfig, EncoderConfig, RunConfig
from atlop.config_files import load_config
from atlop.environment import environment
from atlop.run_folder import RunFolder, refuse_earlier_version
from tests.test_cli import run

CONFIG = RunConfig(data=DataConfig(train=Path("train.json"), dev=Path("dev.json")), encoder=EncoderConfig(name="x"))


def test_a_new_run_writes_its_configuration_and_environment(tmp_path: Path) -> None:
    RunFolder(tmp_path / "runs" / "one").create(CONFIG, environment=environment(data={"train.json": "abc"}))
    written = tmp_path / "runs" / "one"
    assert load_config(str(written / "config.toml")) == CONFIG
    found = json.loads((written / "environment.json").read_text(encoding="utf-8"))
    assert found["data_sha256"] == {"train.json": "abc"}


def test_the_environment_says_what_a_number_hangs_on() -> None:
    found = environment(data={})
    assert {"atlop", "torch", "transformers", "accelerate"} <= set(found["packages"])
    assert found["machine"]["threads"] >= 1
    assert found["machine"]["processor"]
    known = {"command", "python", "packages", "machine", "git_commit", "data_sha256", "run", "code_sha256", "began"}
    assert set(found) == known
    json.dumps(found)


def test_the_commit_of_the_clone_is_known() -> None:
    commit = environment(data={})["git_commit"]
    assert commit is None or len(commit.removesuffix("-dirty")) == 40


def test_the_commit_is_unknown_where_there_is_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment(data={})["git_commit"] is None


def test_metrics_are_appended_line_by_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log({"step": 1, "loss": 0.5})
    assert (tmp_path / "metrics.jsonl").read_text(encoding="utf-8") == '{"step": 1, "loss": 0.5}\n'
    folder.log({"step": 2, "loss": 0.25})
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_the_summary_is_json(tmp_path: Path) -> None:
    RunFolder(tmp_path).summarise({"best": {"f1": 0.5, "ign_f1": None}})
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")) == {"best": {"f1": 0.5, "ign_f1": None}}


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A run as version 0.1 left it."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text('[encoding]\nmax_length = 512\n[data]\ndev = "dev.json"\n', encoding="utf-8")
    (run / "environment.json").write_text('{"packages": {"atlop": "0.1.0"}}', encoding="utf-8")
    (run / "metrics.jsonl").write_text('{"update": 1, "loss": 0.5}\n', encoding="utf-8")
    (run / "summary.json").write_text('{"updates": 1}', encoding="utf-8")
    return run


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--resume", "RUN"),
        ("train", "sample", "--resume", "RUN"),
        ("plot", "RUN", "--output", "plots"),
        ("report", "RUN", "--output", "report.html"),
    ],
    ids=" ".join,
)
def test_a_run_of_version_0_1_is_refused_by_whatever_reads_it(command: tuple[str, ...], earlier: Path) -> None:
    _, message = run(*(str(earlier) if argument == "RUN" else argument for argument in command), code=2)

    assert message == (
        f"atlop: error: {earlier}: written by atlop 0.1.0, and atlop {__version__} reads only the models of such a run "
        f"({earlier / 'best'}); train again, or use atlop 0.1.0\n"
    )


def test_a_run_of_this_version_is_not_refused(tmp_path: Path) -> None:
    RunFolder(tmp_path).create(CONFIG, environment=environment(data={}))

    refuse_earlier_version(tmp_path)
    refuse_earlier_version(tmp_path / "no run")


@pytest.mark.parametrize("content", ["[]", "{}", '{"packages": 1}', '{"packages": {"atlop": 1}}'])
def test_an_environment_that_names_no_version_is_not_taken_for_an_earlier_one(content: str, tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(content, encoding="utf-8")

    refuse_earlier_version(tmp_path)
