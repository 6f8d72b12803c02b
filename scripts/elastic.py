"""Kill a training of two torchrun agents at random moments, and compare its weights with those of one process.

Each trial trains a tiny model for 20 steps and kills one worker, or one agent with its worker, which is started again
as a scheduler would. Both meet on this machine, each as on a machine of its own.

    python scripts/elastic.py --kills 10 --output runs/elastic
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ has the encoder and the agents

from atlop.config_files import dump_config
from atlop.training import train
from tests.tiny_encoders import save_tiny_encoder
from tests.training.launched import distance, small_config, two_agents

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
LAST_STEP = 20
TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/elastic"), help="folder for all output")
    options = parser.parse_args()
    folder: Path = options.output.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = small_config(save_tiny_encoder(folder / "encoder"), GOLDEN)
    (folder / "config.toml").write_text(dump_config(config), encoding="utf-8")
    train(config, output=folder / "one", show_progress=False)
    generator = random.Random(options.seed)
    trials = [trial(folder, number=number, generator=generator) for number in range(options.kills)]
    equal = sum(each["distance"] <= TOLERANCE for each in trials)
    print(json.dumps({"seed": options.seed, "kills": len(trials), "equal": equal, "trials": trials}, indent=1))
    sys.exit(equal != len(trials))


def trial(folder: Path, *, number: int, generator: random.Random) -> dict[str, Any]:
    """Train with one kill; return what was killed, after which step, and how far the weights are from one process's."""
    run, step, kind = (
        folder / f"run_{number}",
        generator.randrange(1, LAST_STEP),
        generator.choice(["worker", "machine"]),
    )
    node = 1 if kind == "machine" else generator.randrange(2)  # that of node 0 hosts the rendezvous
    arguments = ["train", str(folder / "config.toml"), "--resume", str(run)]
    with two_agents([*arguments, "--set", "trainer.checkpoint_interval=2"], log=folder / f"log_{number}") as agents:
        agents.wait_for_step(step, run=run)
        if kind == "worker":
            agents.kill_worker(node)
        else:
            agents.kill(node)
            agents.start(node)
        agents.wait()
    found = {"killed": f"{kind} {node}", "after_step": step, "distance": distance(run, folder / "one")}
    print(found, file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
