"""Trainings that are killed at random moments, and resumed, end as one that nothing happened to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "crash_matrix.py"


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_killed_trainings_end_with_the_same_bits(precision: str, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, SCRIPT, "--trials", "4", "--precision", precision, "--output", str(tmp_path / "crashes")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    outcome = json.loads((tmp_path / "crashes" / "crash_matrix.json").read_text(encoding="utf-8"))
    assert outcome["identical"] == 4
    assert outcome["kills"] >= 2
