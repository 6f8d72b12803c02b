"""Of two commands that are to write the same output at once, one works and the other is refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "two_at_once.py"


@pytest.mark.long
def test_of_two_trainings_two_resumes_and_two_extractions_one_works_and_one_is_refused(tmp_path: Path) -> None:
    kinds = ("two trainings", "two resumes", "two extracts")
    finished = subprocess.run(
        [sys.executable, SCRIPT, "--trials", "1", "--kinds", *kinds, "--output", str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr[-3000:]
    assert finished.stdout.count("one worked, one was refused") == len(kinds)
