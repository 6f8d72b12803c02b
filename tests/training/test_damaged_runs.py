"""A damaged run resumes with identical results, or fails with one message."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlop.cli.text import score_rows, table, truncation_rows
from atlop.config import RunConfig
from atlop.errors import AtlopError
from tests.damage import damaged_bytes, damaged_json, outcome_of
from tests.training.test_resuming import config, interrupt_after, results_of, resume, uninterrupted

__all__ = ["config", "uninterrupted"]  # fixtures

FILES = (
    "config.toml",
    "environment.json",
    "metrics.jsonl",
    *(
        f"checkpoints/{{}}/{name}"
        for name in ("model.safetensors", "optimizer.safetensors", "state.json", "sha256.txt")
    ),
)
fewer = settings(max_examples=max(10, settings().max_examples // 5))  # a resumed run takes a second


@pytest.fixture(scope="module")
def interrupted(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted in step 4; it has checkpoints of steps 2 and 3."""
    folder = tmp_path_factory.mktemp("damaged") / "cut"
    with pytest.MonkeyPatch.context() as patch:
        return interrupt_after(3, config=config, folder=folder, monkeypatch=patch)


def outcome(interrupted: Path, name: str, content: bytes, *, config: RunConfig) -> object:
    """Resume a copy of a run after replacing one file."""
    with tempfile.TemporaryDirectory() as temporary:
        run = Path(shutil.copytree(interrupted, Path(temporary) / "run"))
        (run / name).write_bytes(content)
        found = outcome_of(lambda: resume(config, run), size=len(content))
        return found if isinstance(found, AtlopError) else results_of(run)


@fewer
@given(data=st.data(), file=st.sampled_from(FILES))
def test_files_with_changed_bytes(
    data: st.DataObject, file: str, interrupted: Path, uninterrupted: Path, config: RunConfig
) -> None:
    name = file.format(sorted(path.name for path in (interrupted / "checkpoints").iterdir())[-1])
    content = data.draw(damaged_bytes((interrupted / name).read_bytes()))
    found = outcome(interrupted, name, content, config=config)
    assert isinstance(found, AtlopError) or found == results_of(uninterrupted)


@fewer
@given(data=st.data())
def test_an_environment_with_other_values(
    data: st.DataObject, interrupted: Path, uninterrupted: Path, config: RunConfig
) -> None:
    environment = json.loads((interrupted / "environment.json").read_text(encoding="utf-8"))
    found = outcome(interrupted, "environment.json", data.draw(damaged_json(environment)), config=config)
    assert isinstance(found, AtlopError) or found == results_of(uninterrupted)


@given(data=st.data())
def test_a_summary_with_other_values_is_never_taken_for_one_that_can_be_printed(
    data: st.DataObject, uninterrupted: Path, config: RunConfig
) -> None:
    content = data.draw(damaged_json(json.loads((uninterrupted / "summary.json").read_text(encoding="utf-8"))))
    with tempfile.TemporaryDirectory() as temporary:
        run = Path(shutil.copytree(uninterrupted, Path(temporary) / "run"))
        (run / "summary.json").write_bytes(content)
        found = outcome_of(lambda: resume(config, run), size=len(content))
        if not isinstance(found, AtlopError):
            assert table([*score_rows(found["best"]), *truncation_rows(found["dev"]["truncation"])])
            assert f"{found['steps']:,} {found['seconds'] / 60:.1f}"
