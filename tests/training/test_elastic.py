"""Two agents of torchrun train on: after a killed worker by themselves, after a lost machine with a new one."""

import sys
from pathlib import Path

import pytest

from atlop.config_files import dump_config
from atlop.training import train
from tests.training.launched import distance, small_config, two_agents


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_two_machines_go_on_after_a_killed_worker_and_after_a_lost_machine(
    tiny_encoder: Path, golden: Path, tmp_path: Path
) -> None:
    config, run = small_config(tiny_encoder, golden), tmp_path / "two"
    (tmp_path / "config.toml").write_text(dump_config(config), encoding="utf-8")
    train(config, output=tmp_path / "one", show_progress=False)
    arguments = ["train", str(tmp_path / "config.toml"), "--resume", str(run)]

    with two_agents([*arguments, "--set", "trainer.checkpoint_interval=2"], log=tmp_path / "log") as agents:
        agents.wait_for_step(4, run=run)
        agents.kill_worker(1)
        agents.wait_for_step(10, run=run)
        agents.kill(1)
        agents.start(1)
        agents.wait()

    assert (tmp_path / "log").read_text(encoding="utf-8").count("resuming after step") >= 2
    assert distance(run, tmp_path / "one") <= 1e-5
