"""Several processes train, predict, stop and fail like a single one, and write one run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from atlop.config import DistillationConfig, RunConfig
from atlop.config_files import dump_config
from atlop.training import train
from tests.training.launched import ENVIRONMENT, distance, small_config, worker_pids

pytestmark = pytest.mark.long
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "atlop"]

SHARDING_SCRIPT = """
import json
import sys
from copy import deepcopy

import torch
from accelerate import Accelerator

from atlop.model_folder import load_model
from atlop.sharding import copy_weights, sharded_copy

accelerator = Accelerator()
model, _ = load_model(sys.argv[1])
sharded = sharded_copy(model, accelerator=accelerator)
own = sum(weight.to_local().numel() for weight in sharded.parameters())
back = deepcopy(model)
for weight in back.parameters():
    torch.nn.init.zeros_(weight)
copy_weights(sharded, to=back)
equal = all(torch.equal(*weights) for weights in zip(back.parameters(), model.parameters(), strict=True))
file = f"{sys.argv[2]}/{accelerator.process_index}.json"
json.dump([own / sum(weight.numel() for weight in model.parameters()), equal], open(file, "w"))
"""


def read_metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def config(tiny_encoder: Path, golden: Path) -> RunConfig:
    return small_config(tiny_encoder, golden)


@pytest.fixture(scope="module")
def single_process(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a single process with 20 steps."""
    folder = tmp_path_factory.mktemp("runs") / "one"
    train(config, output=folder, show_progress=False)
    return folder


@pytest.fixture(scope="module")
def config_file(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(dump_config(config), encoding="utf-8")
    return path


def run_two_processes(*arguments: object, code: int = 0, **environment: str) -> str:
    """Run a command in two processes; return its output."""
    finished = subprocess.run(
        [sys.executable, *LAUNCH, *map(str, arguments)],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == code, finished.stderr[-3000:]
    return finished.stdout + finished.stderr


def run_one_process(*arguments: object) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "atlop", *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout


def test_two_processes_reach_the_weights_of_one(config_file: Path, single_process: Path, tmp_path: Path) -> None:
    run_two_processes("train", config_file, "--output", tmp_path / "two")
    expected, found = read_metrics(single_process), read_metrics(tmp_path / "two")
    assert [set(line) for line in found] == [set(line) for line in expected]
    for one_line, two_line in zip(expected, found, strict=True):
        assert (two_line["step"], two_line["epoch"]) == (one_line["step"], one_line["epoch"])
        for key in {"loss", "gradient_norm", "new_layers_learning_rate"} & set(one_line):
            assert two_line[key] == pytest.approx(one_line[key], rel=1e-4), f"step {one_line['step']}: {key}"
    assert distance(tmp_path / "two", single_process) <= 1e-5


def test_a_student_of_two_processes_of_which_one_asks_the_teacher_reaches_the_weights_of_one(
    config: RunConfig, single_process: Path, tmp_path: Path, golden: Path
) -> None:
    documents = json.loads((golden / "documents.json").read_text(encoding="utf-8"))
    bare = [{key: each[key] for key in ("title", "sents", "vertexSet")} for each in documents]
    (tmp_path / "unlabelled.json").write_text(json.dumps(bare), encoding="utf-8")
    section = DistillationConfig(teachers=(str(single_process),), unlabelled=tmp_path / "unlabelled.json")
    trainer = config.trainer.model_copy(update={"epochs": 2})
    student = config.model_copy(update={"distillation": section, "trainer": trainer})
    (tmp_path / "student.toml").write_text(dump_config(student), encoding="utf-8")
    train(student, output=tmp_path / "one", show_progress=False)
    cache = str(tmp_path / "cache")
    run_two_processes("train", tmp_path / "student.toml", "--output", tmp_path / "two", ATLOP_CACHE=cache)
    assert distance(tmp_path / "two", tmp_path / "one") <= 1e-5


@pytest.mark.parametrize("later", ["true", "false"])
def test_two_processes_with_a_sharded_model_reach_the_weights_of_one_though_they_were_killed(
    later: str, config_file: Path, single_process: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "two"
    sharded = ["--set", "trainer.sharded=true", "--set", "trainer.checkpoint_interval=2"]
    command = [*LAUNCH, "train", str(config_file), "--output", str(folder), *sharded]
    with subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        while not list(folder.glob("checkpoints/0*")):
            assert process.poll() is None
            time.sleep(0.05)
        for worker in worker_pids(process.pid):
            os.kill(worker, signal.SIGKILL)
    assert not (folder / "summary.json").exists()
    run_two_processes("train", "--resume", folder, "--set", f"trainer.sharded={later}")
    losses, expected = (
        [line["loss"] for line in read_metrics(run) if "loss" in line] for run in (folder, single_process)
    )
    assert losses == pytest.approx(expected, rel=1e-4)
    assert distance(folder, single_process) <= 1e-5


@pytest.mark.parametrize("sharded", ["false", "true"])
def test_two_processes_reach_the_average_of_one_though_they_were_stopped(
    sharded: str, config: RunConfig, config_file: Path, tmp_path: Path
) -> None:
    averaged = config.model_copy(update={"trainer": config.trainer.model_copy(update={"ema_decay": 0.9})})
    train(averaged, output=tmp_path / "one", show_progress=False)
    settings = ["--set", "trainer.ema_decay=0.9", "--set", f"trainer.sharded={sharded}"]
    command = [*LAUNCH, "train", str(config_file), "--output", str(tmp_path / "two"), *settings]
    with subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        while not list((tmp_path / "two").glob("checkpoints/0*")):
            assert process.poll() is None
            time.sleep(0.05)
        for worker in worker_pids(process.pid):
            os.kill(worker, signal.SIGKILL)
    run_two_processes("train", "--resume", tmp_path / "two")
    assert distance(tmp_path / "two", tmp_path / "one") <= 1e-5


def test_every_process_holds_its_shard_of_the_weights_and_can_gather_all(single_process: Path, tmp_path: Path) -> None:
    script = tmp_path / "shares.py"
    script.write_text(SHARDING_SCRIPT, encoding="utf-8")
    subprocess.run(
        [sys.executable, *LAUNCH[:-2], script, single_process / "best", tmp_path], env=ENVIRONMENT, check=True
    )
    for rank in range(2):
        share, is_equal = json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8"))
        assert share == pytest.approx(0.5, abs=0.01)
        assert is_equal


def test_two_processes_predict_and_evaluate_what_one_does_byte_for_byte(
    single_process: Path, golden: Path, tmp_path: Path
) -> None:
    corpus = golden / "documents.json"
    run_two_processes("predict", single_process, corpus, "--output", tmp_path / "two.json")
    run_one_process("predict", single_process, corpus, "--output", tmp_path / "one.json")
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()
    assert json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    evaluated = run_one_process("evaluate", single_process, corpus, "--train", corpus, "--json")
    assert evaluated in run_two_processes("evaluate", single_process, corpus, "--train", corpus, "--json")


@contextmanager
def running_training(config_file: Path, folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a long training in two processes; yield once there is a checkpoint."""
    command = [*LAUNCH, "train", str(config_file), "--output", str(folder)]
    command += ["--set", "trainer.epochs=2000", "--set", "trainer.checkpoint_interval=2"]
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, stdout=file, stderr=file)
    try:
        while not list(folder.glob("checkpoints/0*")):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_all_with_an_error(rank: int, config_file: Path, tmp_path: Path) -> None:
    with running_training(config_file, tmp_path / "run", tmp_path / "log") as process:
        workers = worker_pids(process.pid)
        assert len(workers) == 2
        os.kill(workers[rank], signal.SIGKILL)
        assert process.wait(timeout=600) != 0
    assert "Signal 9 (SIGKILL)" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_stop_leaves_a_checkpoint_from_which_one_process_goes_on(config_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with running_training(config_file, folder, tmp_path / "log") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait() != 0
    assert f"`atlop train --resume {folder}` resumes from it" in (tmp_path / "log").read_text(encoding="utf-8")
    newest = max((folder / "checkpoints").iterdir())
    steps = [line["step"] for line in read_metrics(folder) if "loss" in line]
    assert steps == list(range(1, int(newest.name) + 1))
    assert len(json.loads((newest / "state.json").read_text(encoding="utf-8"))["random"]) == 2
    again = subprocess.Popen(
        [sys.executable, "-m", "atlop", "train", "--resume", str(folder)],
        env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert again.stderr is not None
    warned = next((line for line in again.stderr if "resuming with" in line), "")
    assert "resuming with 1 processes instead of 2; the result will not be identical bit for bit" in warned
    while max((folder / "checkpoints").iterdir()).name == newest.name:
        time.sleep(0.1)
        assert again.poll() is None
    again.kill()
    again.wait()
