"""A damaged run resumes with identical results, or fails with one message; so does whatever reads a finished one."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atlop.cli.text import score_rows, table, truncation_rows
from atlop.config import RunConfig
from atlop.errors import AtlopError
from atlop.model_folder import hub
from atlop.report import draw_training
from atlop.training import train
from atlop.watching import RunProgress
from tests.damage import Draw, damaged_bytes, damaged_json, damaged_safetensors, outcome_of, refitted
from tests.training.test_resuming import interrupt_after, results_of, resume, short_training

TENSORS = ("model.safetensors", "optimizer.safetensors")
FINISHED = ("config.toml", "environment.json", "summary.json", "metrics.jsonl", "best/config.json", "best/README.md")
fewer = settings(max_examples=max(6, settings().max_examples // 5))  # a resumed run takes a second


@cache
def config() -> RunConfig:
    return short_training(Path(tempfile.mkdtemp()))


@cache
def uninterrupted() -> Path:
    folder = Path(tempfile.mkdtemp()) / "whole"
    train(config(), output=folder, show_progress=False)
    return folder


@cache
def interrupted() -> Path:
    """A run that was interrupted in step 8 of 9; it has checkpoints of steps 6 and 7."""
    with pytest.MonkeyPatch.context() as patch:
        return interrupt_after(7, config=config(), folder=Path(tempfile.mkdtemp()) / "cut", monkeypatch=patch)


@pytest.fixture(scope="module", autouse=True)
def _made() -> None:
    """Train before hypothesis chooses anything, since training draws random numbers."""
    interrupted()
    uninterrupted()


def newest() -> Path:
    return max((interrupted() / "checkpoints").iterdir())


@st.composite
def damaged_run(draw: Draw) -> tuple[str, bytes]:
    """Change bytes of a file of an interrupted run, or values of its environment."""
    files = [interrupted() / name for name in ("config.toml", "environment.json", "metrics.jsonl")]
    file = draw(st.sampled_from([*files, *sorted(newest().iterdir())]))
    changed = damaged_bytes(file.read_bytes())
    if file.name == "environment.json":
        changed |= damaged_json(json.loads(file.read_text(encoding="utf-8")))
    return str(file.relative_to(interrupted())), draw(changed)


@st.composite
def damaged_checkpoint(draw: Draw) -> tuple[str, bytes]:
    """Change values of a checkpoint."""
    name = draw(st.sampled_from(("state.json", *TENSORS)))
    whole = (newest() / name).read_bytes()
    if name in TENSORS:
        return name, draw(damaged_safetensors(whole))
    values = json.loads(whole)
    if draw(st.booleans()):
        return name, draw(damaged_json(values))
    generators = json.dumps(values.pop("random")).encode()  # nearly all of the values
    return name, b'{"random": ' + generators + b", " + draw(damaged_json(values))[1:]


@st.composite
def damaged_finished_run(draw: Draw) -> tuple[str, bytes]:
    """Change bytes of a file of a finished run, or values of a JSON file."""
    name = draw(st.sampled_from(FINISHED))
    whole = (uninterrupted() / name).read_bytes()
    changed = damaged_bytes(whole)
    if name.endswith(".json"):
        changed |= damaged_json(json.loads(whole))
    return name, draw(changed)


def look_at_run(name: str, content: bytes) -> AtlopError | dict[str, Any]:
    """Resume a copy of a run after replacing one file."""
    with tempfile.TemporaryDirectory() as temporary:
        run = Path(shutil.copytree(interrupted(), Path(temporary) / "run"))
        (run / name).write_bytes(content)
        found = outcome_of(lambda: resume(config(), run), size=len(content))
        if not isinstance(found, AtlopError):
            found = results_of(run)
            assert found == results_of(uninterrupted())
        return found


def look_at_checkpoint(name: str, content: bytes) -> object:
    """Resume a copy of a run after replacing a file of its newest checkpoint, whose checksums are made to fit."""
    with tempfile.TemporaryDirectory() as temporary:
        run = Path(shutil.copytree(interrupted(), Path(temporary) / "run"))
        checkpoint = run / newest().relative_to(interrupted())
        (checkpoint / name).write_bytes(content)
        refitted(checkpoint)
        return outcome_of(lambda: resume(config(), run), size=sum(map(size_of, checkpoint.iterdir())))


def size_of(path: Path) -> int:
    return path.stat().st_size


def look_at_finished_run(name: str, content: bytes) -> object:
    """Summarise, draw and publish a copy of a finished run after replacing one file."""
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "push", lambda folder, name, *, private: "address")
        run = Path(shutil.copytree(uninterrupted(), Path(temporary) / "run"))
        (run / "best/README.md").unlink()
        (run / name).write_bytes(content)
        found = outcome_of(lambda: resume(config(), run), size=len(content))
        if not isinstance(found, AtlopError):
            assert table([*score_rows(found["best"]), *truncation_rows(found["dev"]["truncation"])])
            assert f"{found['steps']:,} {found['seconds'] / 60:.1f}"
        assert json.dumps(RunProgress(run).snapshot(), allow_nan=False)
        outcomes: list[object] = [found]
        if name == "metrics.jsonl":
            outcomes.append(outcome_of(lambda: draw_training([run]), size=len(content)))
        outcomes.append(outcome_of(lambda: hub.publish(run, "owner/name", licence="mit"), size=size_of(run / name)))
        return next((each for each in outcomes if isinstance(each, AtlopError)), found)


@fewer
@given(damage=damaged_run())
def test_an_interrupted_run(damage: tuple[str, bytes]) -> None:
    look_at_run(*damage)


@fewer
@given(damage=damaged_checkpoint())
@example(damage=("state.json", b"[]"))
@example(damage=("state.json", b"{}"))
def test_a_checkpoint_whose_checksums_were_made_to_fit(damage: tuple[str, bytes]) -> None:
    look_at_checkpoint(*damage)


@fewer
@given(damage=damaged_finished_run())
@example(damage=("summary.json", b"{}"))
@example(damage=("environment.json", b"[]"))
@example(damage=("best/config.json", b"{}"))
@example(damage=("best/README.md", b"---\n- 1\n---\n"))
@example(damage=("best/README.md", b"---\na: [\n---\n"))
def test_a_finished_run(damage: tuple[str, bytes]) -> None:
    look_at_finished_run(*damage)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda values: values["progress"].update(step="7"),
            'state.json, "progress.step": Input should be a valid int',
        ),
        (lambda values: values["progress"].update(best=None), "its progress contradicts itself"),
        (lambda values: values["random"][0].update(torch="00"), "RNG"),
        (lambda values: values["config"].pop("data"), 'state.json, "config.data": is missing'),
    ],
)
def test_a_checkpoint_that_says_what_cannot_be_is_skipped_for_the_previous_one(
    change: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = json.loads((newest() / "state.json").read_text(encoding="utf-8"))
    change(values)

    found = look_at_checkpoint("state.json", json.dumps(values).encode())

    assert isinstance(found, dict)
    assert any("damaged checkpoint" in message and problem in message for message in caplog.messages)
