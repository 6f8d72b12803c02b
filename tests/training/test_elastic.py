"""Two agents of torchrun train on after one is killed: the other by itself, and a new one in the place of the first."""

import sys
from pathlib import Path

import pytest

from atlop.config_files import dump_config
from atlop.training import train
from tests.training.launched import distance, small_config, two_agents


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_two_machines_reach_the_weights_of_one_though_one_of_them_was_lost(
    tiny_encoder: Path, golden: Path, tmp_path: Path
) -> None:
    config, run = small_config(tiny_encoder, golden), tmp_path / "two"
    (tmp_path / "config.toml").write_text(dump_config(config), encoding="utf-8")
    train(config, output=tmp_path / "one", show_progress=False)
    arguments = ["train", str(tmp_path / "config.toml"), "--resume", str(run)]

    with two_agents([*arguments, "--set", "trainer.checkpoint_interval=2"], log=tmp_path / "log") as agents:
        agents.wait_for_step(6, run=run)
        agents.kill(1)
        agents.start(1)
        agents.wait()

    assert (tmp_path / "log").read_text(encoding="utf-8").count("resuming after step") == 1
    assert distance(run, tmp_path / "one") <= 1e-5
