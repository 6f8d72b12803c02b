"""Commands that are killed at random moments, and repeated, leave what an uninterrupted one leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "crash_matrix.py"


def outcome_of(folder: Path, *options: str) -> dict[str, Any]:
    """Run the script; return what it found, which must be the same bytes everywhere."""
    finished = subprocess.run(
        [sys.executable, SCRIPT, "--output", str(folder), *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    outcome: dict[str, Any] = json.loads((folder / "crash_matrix.json").read_text(encoding="utf-8"))
    assert outcome["identical"] == outcome["all"]
    return outcome


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_killed_trainings_end_with_the_same_bits(precision: str, tmp_path: Path) -> None:
    assert outcome_of(tmp_path / "crashes", "--kills", "4", "--commands", "train", "--precision", precision)["all"] >= 2


@pytest.mark.long
def test_killed_commands_leave_what_uninterrupted_ones_leave(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path / "crashes", "--kills", "22")

    assert len(outcome["kills"]) == 11
    assert outcome["all kills"] >= 22
