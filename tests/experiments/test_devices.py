"""Runs side by side: a process each, safe against the others' crashes; stopped and continued."""

import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from atlop.config import RunConfig
from atlop.errors import AtlopError, StoppedError
from atlop.experiments import ExperimentFolder, Plan, load_experiment, plan_runs
from atlop.experiments import devices as module
from atlop.experiments.devices import device_name, train_side_by_side
from tests.experiments.test_running import source  # noqa: F401
from tests.test_cli import run, run_apart


@pytest.fixture
def plan(source: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:  # noqa: F811
    """Four runs, whose processes are forked, since this one has imported torch already."""
    monkeypatch.setattr(module, "get_context", lambda _: multiprocessing.get_context("fork"))
    return plan_runs(load_experiment(str(source)), overrides=())


def finish(config: RunConfig, *, output: Path, **_: object) -> None:
    """Take the place of a training: write what it saw."""
    output.mkdir(parents=True)
    seen = {"pid": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "seed": config.trainer.seed}
    (output / "summary.json").write_text(json.dumps(seen), encoding="utf-8")


def summaries(plan: Plan, folder: ExperimentFolder) -> list[dict[str, object]]:
    paths = [folder.run(each) / "summary.json" for each in plan.runs]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def test_each_process_sees_its_gpu_of_those_that_this_one_sees(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ExperimentFolder(tmp_path / "out")
    monkeypatch.setattr(module, "train", finish)
    monkeypatch.setattr(module, "find_device", torch.device)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    train_side_by_side(plan.runs, folder=folder, devices=["0", "1"])

    found = summaries(plan, folder)
    assert {each["gpus"] for each in found} == {"4", "7"}
    assert len({each["pid"] for each in found} - {os.getpid()}) == len(plan.runs)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def test_a_crash_ends_no_other_run_and_only_the_failed_ones_are_done_again(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (first, second, *_) = ExperimentFolder(tmp_path / "out"), plan.runs

    def fail(config: RunConfig, *, output: Path, **_: object) -> None:
        if output == folder.run(first):
            os.kill(os.getpid(), signal.SIGKILL)
        if output == folder.run(second):
            raise AtlopError("the loss is not finite")
        finish(config, output=output)

    monkeypatch.setattr(module, "train", fail)
    with pytest.raises(AtlopError, match=r"2 of 4 runs failed; the same command continues them") as caught:
        train_side_by_side(plan.runs, folder=folder, devices=["cpu", "cpu"])
    assert f"{first.name}: no output (exit code -9)" in str(caught.value)
    assert f"{second.name}: error: the loss is not finite (exit code 1)" in str(caught.value)
    before = summaries(plan, folder)
    assert len(before) == 2

    monkeypatch.setattr(module, "train", finish)
    train_side_by_side(plan.runs, folder=folder, devices=["cpu", "cpu"])
    assert len(summaries(plan, folder)) == 4
    assert [each for each in summaries(plan, folder) if each in before] == before


def test_a_stop_is_passed_on_once_and_starts_no_other_run(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ExperimentFolder(tmp_path / "out")

    def wait(config: RunConfig, *, output: Path, **_: object) -> None:
        signals: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
        output.mkdir(parents=True)
        while not signals:
            time.sleep(0.01)
        time.sleep(0.3)
        (output / "signals").write_text(str(len(signals)))
        raise StoppedError("stopped", exit_code=143)

    def stop() -> None:
        while len(list(tmp_path.glob("out/runs/*"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(module, "train", wait)
    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(StoppedError, match="stopped by SIGTERM; the same command continues") as caught:
        train_side_by_side(plan.runs, folder=folder, devices=["cpu", "cpu"])
    thread.join()
    assert caught.value.exit_code == 143
    assert [path.read_text() for path in tmp_path.glob("out/runs/*/signals")] == ["1", "1"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a GPU")
def test_a_device_that_is_not_there_is_refused_before_anything_is_trained(source: Path, tmp_path: Path) -> None:  # noqa: F811
    assert device_name("cpu") == "cpu"
    for devices, says in (("cpu,0", "--device cuda:0: PyTorch"), ("cpu,gpu", "--device cuda:gpu: expected cpu")):
        problem = run("experiment", source, "--output", tmp_path / "out", "--devices", devices, code=2)[1]
        assert says in problem
    both = run("experiment", source, "--device", "cpu", "--devices", "cpu", code=2)[1]
    assert "--device cpu and --devices cpu: give one of the two" in both
    assert not (tmp_path / "out").exists()


def test_processes_that_were_launched_together_are_refused(
    source: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "accelerator_for", lambda *_, **__: SimpleNamespace(num_processes=2))
    problem = run("experiment", source, "--output", tmp_path / "out", code=2)[1]
    assert "2 processes were launched; start one alone, with --devices" in problem
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_side_by_side_gives_the_table_of_one_after_the_other(source: Path, tmp_path: Path) -> None:  # noqa: F811
    one, both = tmp_path / "one", tmp_path / "both"

    run("experiment", source, "--output", one)
    run_apart("-m", "atlop", "experiment", source, "--output", both, "--devices", "cpu,cpu")

    assert (both / "rates.md").read_text(encoding="utf-8") == (one / "rates.md").read_text(encoding="utf-8")
    logs = sorted(path.read_text(encoding="utf-8") for path in (both / "logs").iterdir())
    assert len(logs) == 4
    assert all("epoch 1/1  loss" in log for log in logs)
