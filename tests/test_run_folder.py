"""The folder of a run tells later what was done."""

import json
from pathlib import Path

import pytest

from atlop.config import DataConfig, EncoderConfig, RunConfig
from atlop.config_files import load_config
from atlop.environment import environment
from atlop.run_folder import RunFolder

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
    assert set(found) == {"command", "python", "packages", "machine", "git_commit", "data_sha256", "run", "code_sha256"}
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
