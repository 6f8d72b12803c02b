"""Kill commands at random moments, repeat them, and compare what they write with that of uninterrupted ones.

Kills alternate between those after a random time and those before a random file operation. In a third of the trials the
repeated command is killed too. Each command is a separate process, forked after all imports.

Examples:
    python scripts/crash_matrix.py --kills 200 --output runs/crash_matrix
    python scripts/crash_matrix.py --kills 40 --commands train --precision bf16
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ has the encoder and the server
os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads cannot be forked safely
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import huggingface_hub.constants
import transformers.models.bert.modeling_bert  # noqa: F401  # what commands import is imported once
from tqdm import tqdm

import atlop.distillation
import atlop.experiments
import atlop.report  # noqa: F401
from atlop.cli import main as run_command
from atlop.config import Precision
from atlop.corpora import FORMATS
from atlop.corpora.formats.docred import DOCRED
from atlop.corpora.hosts import GitHubFolder, HubDataset
from atlop.corpora.published import PublishedCorpus, PublishedFile
from atlop.files import file_sha256, read_json, write_json, write_text
from atlop.files.temporary import PREFIX
from atlop.inference import parts
from tests.tiny_encoders import save_tiny_encoder
from tests.web import COMMIT, served

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
FILE_OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}
TIMES = {"metrics.jsonl": ("seconds",), "summary.json": ("seconds",), "environment.json": ("run", "command", "began")}
"""Keys that differ between equal runs, by file."""
CONFIG = """
[data]
train = "{folder}/train.json"
dev = "{folder}/dev.json"
relations = "{sample}/rel2id.json"
[encoder]
name = "{encoder}"
[classifier]
representation_size = 64
block_size = 16
[optimizer]
encoder_learning_rate = 1e-3
new_layers_learning_rate = 1e-2
[trainer]
epochs = 3
batch_size = 2
gradient_accumulation = 2
precision = "{precision}"
checkpoint_interval = 3
"""
EXPERIMENT = """
title = "Two seeds"
config = "{folder}/run.toml"
seeds = [1, 2]
set = {{ "trainer.epochs" = 1 }}
scored = "{folder}/dev.json"
[[variants]]
name = "as it is"
"""


@dataclass(frozen=True)
class Command:
    """A command that writes into a trial's folder."""

    arguments: tuple[str, ...]
    """`{trial}` stands for the folder of the trial, `{folder}` for that of all trials."""
    refuses_existing: bool = False
    """Whether a repeated command refuses an output that is complete, rather than write it again."""


COMMANDS = {
    **{
        f"extract {suffix}": Command(
            ("extract", "{folder}/model", "{folder}/text.jsonl", "--output", f"{{trial}}/facts.{suffix}"), True
        )
        for suffix in ("jsonl", "csv.gz", "parquet")
    },
    "convert": Command(("convert", str(SAMPLE / "train.json"), "{trial}/train.jsonl.gz", "--to", "jsonl"), True),
    "predict": Command(("predict", "{folder}/model", "{folder}/train.json", "--output", "{trial}/result.json")),
    "download": Command(("download", "small", "--output", "{trial}/corpus")),
    "download other": Command(("download", "other", "--output", "{trial}/corpus")),
    "experiment": Command(("experiment", "{folder}/experiment.toml", "--output", "{trial}/experiment")),
    "distill": Command(
        (
            *("distill", "{folder}/run.toml", "--folds", "2", "--resume", "{trial}/distilled"),
            *("--set", "trainer.epochs=1", "--set", "trainer.checkpoint_interval=1"),
            *("--set", "distillation.unlabelled={folder}/distant.json"),
        )
    ),
    "report": Command(("report", "{folder}/model", "--dev", "{folder}/dev.json", "--output", "{trial}/page.html")),
    "train": Command(("train", "{folder}/run.toml", "--resume", "{trial}/run")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="number of kills, of all commands together")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS), metavar="COMMAND")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", help="folder of an encoder; by default a random one with two narrow layers")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--output", type=Path, default=Path("runs/crash_matrix"), help="folder for all output")
    options = parser.parse_args()
    outcome = crash_matrix(
        options.output.absolute(),
        names=options.commands,
        kills=options.kills,
        seed=options.seed,
        encoder=options.encoder,
        precision=options.precision,
    )
    print(json.dumps({key: value for key, value in outcome.items() if key != "trials"}, indent=1))
    sys.exit(outcome["identical"] != outcome["all"])


def crash_matrix(
    folder: Path, *, names: list[str], kills: int, seed: int, encoder: str | None, precision: Precision
) -> dict[str, Any]:
    """Run all trials and write `crash_matrix.json`.

    Args:
        folder: Output folder; an existing one is replaced.
        names: The commands, keys of `COMMANDS`.
        kills: Number of kills, divided among the commands.
        seed: Seed of the random moments.
        encoder: Folder of the encoder; `None` creates a tiny one with dropout.
        precision: Number format of training.

    Returns:
        Counts, and the outcome of each trial.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = random.Random(seed)
    rows: list[dict[str, Any]] = []
    with small_corpora(folder):
        prepare(folder, encoder=encoder, precision=precision)
        for number, name in enumerate(names):
            quota = (number + 1) * kills // len(names) - number * kills // len(names)
            rows += trials(name, folder=folder, kills=quota, generator=generator)
    killed = [kill for row in rows for kill in row["kills"] if kill["killed"]]
    outcome = {
        "seed": seed,
        "precision": precision,
        "encoder": encoder or "tiny",
        "all": len(rows),
        "identical": sum(not row["differing"] for row in rows),
        "kills": dict(Counter(row["command"] for row in rows for kill in row["kills"] if kill["killed"])),
        "all kills": len(killed),
        "while files were written": sum(kill["writing"] for kill in killed),
        "trials": rows,
    }
    write_json(folder / "crash_matrix.json", outcome)
    return outcome


def trials(name: str, *, folder: Path, kills: int, generator: random.Random) -> Iterator[dict[str, Any]]:
    """Kill a command until it has been killed often enough; yield the outcome of each trial."""
    command, trial = COMMANDS[name], folder / "trial"
    for _ in range(2):  # the first one fills the cache, so that all others take equally long
        trial.mkdir()
        operations, seconds = finish(command, trial, is_repeated=False)
        expected = results_of(trial)
        shutil.rmtree(trial)
    number = 0
    while kills > 0:
        trial.mkdir()
        moments = [
            generator.uniform(0, seconds) if number % 2 else generator.randint(1, operations)
            for _ in range(1 if generator.random() < 2 / 3 else 2)
        ]
        attempts = [kill_at(command, trial, moment) for moment in moments]
        finish(command, trial, is_repeated=True)
        found = results_of(trial)
        differing = sorted(key for key in expected | found if expected.get(key) != found.get(key))
        print(f"{name}: {attempts}: {differing or 'identical'}", file=sys.stderr, flush=True)
        yield {"command": name, "kills": attempts, "differing": differing}
        if differing:
            trial.rename(folder / f"{name.replace(' ', '_')}_{number}")  # for inspection
        else:
            shutil.rmtree(trial)
        kills -= sum(attempt["killed"] for attempt in attempts)
        number += 1


def prepare(folder: Path, *, encoder: str | None, precision: Precision) -> None:
    """Write a small part of the sample corpus, a configuration, an experiment, and a trained model."""
    os.environ["ATLOP_CACHE"] = str(folder / "cache")
    parts.DOCUMENTS_PER_PART = 3
    for name, source, rows in (
        ("train", "train", slice(14)),
        ("distant", "train", slice(14, 18)),
        ("dev", "dev", slice(4)),
    ):
        shortest = sorted(read_json(SAMPLE / f"{source}.json"), key=lambda row: sum(map(len, row["sents"])))
        write_text(folder / f"{name}.json", json.dumps(shortest[rows]))
    encoder = encoder or save_tiny_encoder(folder / "encoder", dropout=0.1)
    config = CONFIG.format(folder=folder, sample=SAMPLE, encoder=encoder, precision=precision)
    write_text(folder / "run.toml", config)
    write_text(folder / "experiment.toml", EXPERIMENT.format(folder=folder))
    for arguments in (
        ("convert", "{folder}/train.json", "{folder}/text.jsonl", "--to", "jsonl"),
        ("train", "{folder}/run.toml", "--output", "{folder}/model", "--set", "trainer.epochs=1"),
    ):
        finish(Command(arguments), folder / "preparation", is_repeated=False)


@contextmanager
def small_corpora(folder: Path) -> Iterator[None]:
    """Let `small` and `other` be corpora that a server on this machine has, in a process of its own."""
    huggingface_hub.constants.HF_HUB_OFFLINE = False
    huggingface_hub.constants.HF_HUB_CACHE = str(folder / "hub")
    packed = (PublishedFile("data/dev.json", entries=20_000), PublishedFile("data/test.json", entries=20_000))
    plain = (PublishedFile("dev.json", entries=20_000),)
    downloads = {
        "small": PublishedCorpus("Small", HubDataset("a/b", revision=COMMIT), packed),
        "other": PublishedCorpus("Other", GitHubFolder("a/c", revision="main"), plain),
    }
    FORMATS["mine"] = replace(DOCRED, name="mine", downloads=downloads)
    reading, writing = os.pipe()
    server = os.fork()
    if server == 0:
        with served() as site:
            content = json.dumps([{"title": f"document {number}"} for number in range(20_000)]).encode()
            site.files |= {f"datasets/a/b/resolve/{COMMIT}/data/{name}.json": content for name in ("dev", "test")}
            site.files["a/c/main/dev.json"] = content
            os.write(writing, site.url.encode())
            signal.pause()
    address = os.read(reading, 100).decode()
    os.environ |= {"HF_ENDPOINT": address, "ATLOP_GITHUB_RAW": address, "NO_PROXY": "127.0.0.1"}
    try:
        yield
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def finish(command: Command, trial: Path, *, is_repeated: bool) -> tuple[int, float]:
    """Run a command to its end; return its file operations and seconds."""
    counts, started = trial.with_name("counts.json"), time.monotonic()

    def at_end(operations: int) -> None:
        counts.write_text(json.dumps([operations, time.monotonic() - started]), encoding="utf-8")

    process = fork_command(command, trial, at_end=at_end)
    _, status = os.waitpid(process, 0)
    if status == 0:
        operations, seconds = read_json(counts)
        return operations, seconds
    last = log_path(trial).read_text(encoding="utf-8").splitlines()[-1]
    if not (is_repeated and command.refuses_existing and "already exists; pass another name" in last):
        raise SystemExit(f"{trial}: {' '.join(command.arguments)} failed: {last}; see {log_path(trial)}")
    return 0, 0.0


def kill_at(command: Command, trial: Path, moment: float | int) -> dict[str, Any]:
    """Run a command and kill it after some seconds (float) or before a file operation (int)."""
    process = fork_command(command, trial, last_operation=moment if isinstance(moment, int) else None)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    hidden = [path for path in trial.rglob(f"{PREFIX}*") if path.suffix not in (".lock", ".parts")]
    return {"moment": moment, "killed": os.WIFSIGNALED(status), "writing": bool(hidden)}


def fork_command(
    command: Command,
    trial: Path,
    *,
    last_operation: int | None = None,
    at_end: Callable[[int], None] = lambda operations: None,
) -> int:
    """Run a command in a new process and return its id.

    Args:
        command: The command.
        trial: The folder that it writes into.
        last_operation: Number of the file operation before which the process kills itself.
        at_end: Called in the process with its number of file operations.
    """
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        log = os.open(log_path(trial), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        operations = 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal operations
            if event in FILE_OPERATIONS and (event != "open" or str(trial) in str(arguments[0])):
                operations += 1
                if operations == last_operation:
                    os.kill(os.getpid(), signal.SIGKILL)

        tqdm.set_lock(RLock())  # its own lock is shared by all processes, so a killed one would keep it for good
        sys.addaudithook(count)
        try:
            run_command([argument.format(trial=trial, folder=trial.parent) for argument in command.arguments])
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        at_end(operations)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def log_path(trial: Path) -> Path:
    """Return the path of the commands' log."""
    return trial.with_name(f"{trial.name}.log")


def results_of(trial: Path) -> dict[str, Any]:
    """Return everything in a folder that must not depend on kills, by path: hidden files too."""
    return {str(path.relative_to(trial)): content_of(path) for path in trial.rglob("*")}


def content_of(path: Path) -> Any:
    """Return the content of a file without times, or else its digest; nothing of a folder."""
    if path.is_dir():
        return None
    if path.name not in TIMES:
        return file_sha256(path)
    text = path.read_text(encoding="utf-8")

    def without_times(value: dict[str, Any]) -> dict[str, Any]:
        return {key: each for key, each in value.items() if key not in TIMES[path.name]}

    records = text.splitlines() if path.suffix == ".jsonl" else [text]
    return [json.loads(record, object_hook=without_times) for record in records]


if __name__ == "__main__":
    main()
