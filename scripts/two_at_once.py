"""Run a command twice at once, several times: one works, the other is refused by name, and nothing is mixed.

Example: python scripts/two_at_once.py --trials 10 --output runs/two_at_once
"""

import argparse
import json
import os
import random
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.crash_matrix import COMMANDS, Command, finish, fork_command, kill_at, log_path, prepare, results_of

_START = Command(("train", "{folder}/run.toml", "--output", "{trial}/run"))
_RESUME = COMMANDS["train"]
KINDS = {
    "two trainings": _START,
    "two resumes": _RESUME,
    "two extracts": COMMANDS["extract jsonl"],
    "two experiments": COMMANDS["experiment"],
}
_REFUSAL = re.compile(
    rf"is being written by process (\d+) on {re.escape(socket.gethostname())}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10, help="trials of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/two_at_once"), help="folder for all output")
    options = parser.parse_args()
    folder, generator = options.output.absolute(), random.Random(options.seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prepare(folder, encoder=None, precision="float32")
    outcomes = {kind: trials(kind, folder=folder, count=options.trials, generator=generator) for kind in options.kinds}
    print(
        json.dumps({kind: f"{sum(good)} of {len(good)} as they should be" for kind, good in outcomes.items()}, indent=1)
    )
    sys.exit(not all(map(all, outcomes.values())))


def trials(kind: str, *, folder: Path, count: int, generator: random.Random) -> list[bool]:
    """Run the trials of a kind; return whether each ended as it should."""
    command, trial, interrupted = KINDS[kind], folder / "trial", folder / "interrupted"
    for _ in range(2):  # the first one fills the cache
        trial.mkdir()
        operations, seconds = finish(command, trial, is_repeated=False)
        expected = results_of(trial)
        shutil.rmtree(trial)
    interrupted.mkdir(exist_ok=True)
    if command == _RESUME:
        trial.mkdir()
        assert kill_at(command, trial, operations // 2)["killed"]
        interrupted.rmdir()
        trial.rename(interrupted)
    outcomes = []
    for number in range(count):
        shutil.copytree(interrupted, trial)
        delay = generator.choice((0.0, generator.uniform(0, seconds / 8)))
        problems = run_twice(command, trial, delay=delay, expected=expected)
        print(f"{kind}, trial {number}, {delay:.2f} s apart: {problems or 'one worked, one was refused'}", flush=True)
        outcomes.append(not problems)
        shutil.rmtree(trial)
    shutil.rmtree(interrupted)
    return outcomes


def run_twice(command: Command, trial: Path, *, delay: float, expected: dict[str, Any]) -> list[str]:
    """Start a command twice; return what is wrong with the outcome."""
    log_path(trial).unlink(missing_ok=True)
    processes = [fork_command(command, trial)]
    time.sleep(delay)
    processes.append(fork_command(command, trial))
    codes = {process: os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes}
    log = log_path(trial).read_text(encoding="utf-8")
    named = _REFUSAL.findall(log)
    found = results_of(trial)
    problems = [f"{key} differs" for key in sorted(expected | found) if expected.get(key) != found.get(key)]
    if sorted(codes.values()) != [0, 2]:
        problems.append(f"exit codes {list(codes.values())}")
    came_late = not named and "already exists" in log  # on a busy machine, after the other was done
    if named != [str(process) for process, code in codes.items() if code == 0] and not came_late:
        problems.append(f"refused by process {named}, of {codes}")
    return problems


if __name__ == "__main__":
    main()
