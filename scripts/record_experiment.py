r"""Keep what the finished experiments of a folder say: what their runs start from, the runs, and the tables.

Example:
    python scripts/record_experiment.py runs/experiments/redocred_minilm \
      scripts/measured/experiments/redocred_minilm.json
"""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that this runs as a file, not only as a module

from atlop.files import read_json, write_text
from scripts.record_run import environment_of, evaluations_of, without_folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("record", type=Path)
    options = parser.parse_args()
    finished = sorted(path.parent for path in options.folder.glob("runs/*/summary.json"))
    record = {
        "base": read_json(options.folder / "base.json"),
        "runs": [_of_run(run) for run in finished],
        "tables": {path.stem: _cells(path) for path in sorted(options.folder.glob("*.csv"))},
    }
    write_text(options.record, json.dumps(without_folders(record), indent=1) + "\n")


def _of_run(run: Path) -> dict[str, Any]:
    """Return how a run went; its name says what it sets."""
    summary = read_json(run / "summary.json")
    return {
        "name": run.name,
        "seconds": summary["seconds"],
        "environment": environment_of(run),
        "evaluations": evaluations_of(run),
    }


def _cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


if __name__ == "__main__":
    main()
