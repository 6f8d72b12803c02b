r"""Record the finished experiments of a folder: base configuration, runs and tables.

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

sys.path.insert(0, str(Path(__file__).parents[1]))  # to import `scripts` when run as a file

from atlop.files import read_json, write_text
from scripts.record_run import read_environment, read_evaluations, strip_folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("record", type=Path)
    options = parser.parse_args()
    finished = sorted(path.parent for path in options.folder.glob("runs/*/summary.json"))
    record = {
        "base": read_json(options.folder / "base.json"),
        "runs": [_read_run(run) for run in finished],
        "tables": {path.stem: _read_cells(path) for path in sorted(options.folder.glob("*.csv"))},
    }
    write_text(options.record, json.dumps(strip_folders(record), indent=1) + "\n")


def _read_run(run: Path) -> dict[str, Any]:
    """Return name, duration, environment and evaluations of a run; its name has its settings."""
    summary = read_json(run / "summary.json")
    return {
        "name": run.name,
        "seconds": summary["seconds"],
        "environment": read_environment(run),
        "evaluations": read_evaluations(run),
    }


def _read_cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


if __name__ == "__main__":
    main()
