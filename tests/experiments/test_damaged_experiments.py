"""An experiment whose files are damaged gives a table, or one message."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlop.errors import AtlopError
from atlop.experiments import load_experiment, plan_runs, run_experiment
from tests.damage import Draw, damaged_bytes, damaged_json, damaged_safetensors, files_in, outcome_of
from tests.experiments.test_running import EXPERIMENT
from tests.golden_values import write_short_documents
from tests.test_cli_training import CONFIG
from tests.tiny_encoders import save_tiny_encoder

fewer = settings(max_examples=max(10, settings().max_examples // 5))  # a table takes a tenth of a second


@cache
def source() -> Path:
    folder = Path(tempfile.mkdtemp())
    corpus, encoder = write_short_documents(folder / "documents.json"), save_tiny_encoder(folder / "encoder")
    (folder / "tiny.toml").write_text(CONFIG.format(corpus=corpus, encoder=encoder), encoding="utf-8")
    text = EXPERIMENT.format(config=folder / "tiny.toml").replace("[1, 2]", "[1]")
    (folder / "rates.toml").write_text(text, encoding="utf-8")
    return folder / "rates.toml"


@cache
def finished() -> Path:
    """The folder of a finished experiment."""
    folder = source().parent / "experiment"
    run(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _made() -> None:
    """Train before hypothesis chooses anything, since training draws random numbers."""
    finished()


def run(folder: Path) -> object:
    return run_experiment(load_experiment(str(source())), folder=folder, show_progress=False)


@st.composite
def damaged_experiment(draw: Draw) -> tuple[str, bytes]:
    """Change bytes of a file beside the runs or of a summary, or values of one."""
    names = [name for name in files_in(finished()) if "/" not in name or "candidates/" in name or "summary" in name]
    name = draw(st.sampled_from(sorted(names)))
    whole = (finished() / name).read_bytes()
    changed = damaged_bytes(whole)
    if name.endswith(".json"):
        changed |= damaged_json(json.loads(whole))
    elif name.endswith(".safetensors"):
        changed |= damaged_safetensors(whole)
    return name, draw(changed)


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    """Restore all files of a folder at the end; its runs know their paths, so that no copy can be used instead."""
    before = {name: (folder / name).read_bytes() for name in files_in(folder)}
    try:
        yield
    finally:
        for name in files_in(folder) - before.keys():
            (folder / name).unlink()
        for name, content in before.items():
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_bytes(content)


def look_at_experiment(name: str, content: bytes) -> object:
    """Make the table of an experiment in whose folder one file has another content; a run with it is scored again."""
    with restored(finished()):
        (finished() / name).write_bytes(content)
        if name.startswith("runs/"):
            for path in (finished() / "candidates").glob(f"{name.split('/')[1]}.*"):
                path.unlink()
        return outcome_of(lambda: run(finished()), size=len(content))


def look_at_source(content: bytes) -> object:
    """Plan the runs of an experiment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "experiment.toml"
        path.write_bytes(content)
        return outcome_of(lambda: plan_runs(load_experiment(str(path)), overrides=()), size=len(content))


@fewer
@given(damage=damaged_experiment())
def test_the_folder_of_an_experiment(damage: tuple[str, bytes]) -> None:
    look_at_experiment(*damage)


@given(content=st.deferred(lambda: damaged_bytes(source().read_bytes())))
def test_the_file_of_an_experiment(content: bytes) -> None:
    look_at_source(content)


def test_a_base_without_a_precision_is_one_message() -> None:
    found = look_at_experiment("base.json", b"{}")

    assert isinstance(found, AtlopError)
    assert 'base.json, "trainer.precision": is missing; use another folder' in str(found)
