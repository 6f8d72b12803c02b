"""Go the three ways of README from an empty folder, with the wheel of this tree and the commands of its pages.

The ways are `docred` (docs/tutorial_docred.md), `own` (docs/tutorial_own_data.md) and `python` (the Python of
docs/tutorial_text.md). Offline: parts of the sample corpus stand in for DocRED and for one's own data, and the sample
model's encoder for BERT-base, whose trainings take 3 epochs. The wheel is installed beside the packages of the Python
that runs this; installing is not counted.

Example: python scripts/three_ways.py
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/ has what stands in for the corpora

from tests.documentation import DOCS, ROOT, blocks, commands
from tests.stand_ins import write_hub_cache, write_stand_ins

PAGES = {"docred": "tutorial_docred.md", "own": "tutorial_own_data.md", "python": "tutorial_text.md"}
DOCUMENTS = 40
EPOCHS = "--set trainer.epochs=3"
FACTS = re.compile("^atlop (predict|extract)|RelationExtractor")
"""What gives facts."""


class Step(NamedTuple):
    """A command that was run."""

    command: str
    seconds: float
    output: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"{', '.join(PAGES)}; by default all")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = install(folder)
        for way in parser.parse_args().ways or PAGES:
            steps = go(way, folder=folder / way, environment=environment)
            facts = next(index for index, step in enumerate(steps) if FACTS.search(step.command))
            print(
                f"{way}: first facts after {sum(step.seconds for step in steps[: facts + 1]):.0f} seconds", flush=True
            )


def install(folder: Path) -> dict[str, str]:
    """Build and install the wheel, and write the hub's cache; return the variables of a shell that has both."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", folder, ROOT], check=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", folder / "installed", wheel], check=True)
    write_hub_cache(folder / "hub")
    path = [str(folder / "installed" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.environ | {
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(folder / "installed"),
        "HF_HOME": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # as in scripts/environment.sh: beside other jobs, threads that spin take minutes
        "ATLOP_CACHE": str(folder / "cache"),
    }


def go(way: str, *, folder: Path, environment: dict[str, str]) -> list[Step]:
    """Type the commands of a way in a new folder."""
    page = DOCS / PAGES[way]
    folder.mkdir()
    if way == "python":
        program = "\n".join(blocks("python", page=page))
        return [_run(program, [sys.executable, "-c", program], folder=folder, environment=environment)]
    with tempfile.TemporaryDirectory() as name:
        write_stand_ins(Path(name), documents=DOCUMENTS)
        for given in ("data", "train", "dev", "texts.jsonl", "own.toml", "model.pt", "rel2id.json"):
            (Path(name) / given).rename(folder / given)
    steps = []
    for command in commands(page):
        if not command.startswith("atlop download"):
            typed = f"{command} {EPOCHS}" if command.startswith("atlop train") else command
            steps.append(
                _run(command, ["bash", "-euo", "pipefail", "-c", typed], folder=folder, environment=environment)
            )
            print(f"{steps[-1].seconds:6.1f} s  {command}", flush=True)
    return steps


def _run(command: str, arguments: list[str], *, folder: Path, environment: dict[str, str]) -> Step:
    started = time.perf_counter()
    done = subprocess.run(arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Step(command, time.perf_counter() - started, done.stdout)


if __name__ == "__main__":
    main()
