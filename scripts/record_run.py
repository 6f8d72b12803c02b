"""Record finished runs of one configuration: settings, environment, scores; without weights and paths of the machine.

The runs may only differ in their seeds. Example:

    python scripts/record_run.py runs/seed66 runs/seed67 scripts/measured/cdr_minilm.json
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files import read_json, write_text
from atlop.run_folder import refuse_earlier_version

RUN_SPECIFIC = ("command", "run", "began")
"""Keys of the environment that always differ between runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("record", type=Path)
    options = parser.parse_args()
    record: dict[str, Any] = {}
    for run in options.runs:
        config = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
        seed = config["trainer"].pop("seed")
        found = {"config": config, "environment": read_environment(run)}
        if record and {key: record[key] for key in found} != found:
            raise AtlopError(f"{run}: differs from {options.runs[0]} in more than its seed; record them separately")
        record = record or {**found, "runs": []}
        record["runs"].append(
            {"seed": seed, "summary": read_json(run / "summary.json"), "evaluations": read_evaluations(run)}
        )
    write_text(options.record, json.dumps(strip_folders(record), indent=1) + "\n")


def read_environment(run: Path) -> dict[str, Any]:
    """Return the environment of a run, without what is specific to it."""
    refuse_earlier_version(run)
    return {key: value for key, value in read_json(run / "environment.json").items() if key not in RUN_SPECIFIC}


def read_evaluations(run: Path) -> list[dict[str, Any]]:
    """Return step, seconds since the start and F1 of every evaluation."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        {"step": line["step"], "seconds": line["seconds"], "f1": line["dev"]["f1"]} for line in lines if "dev" in line
    ]


def strip_folders(value: Any) -> Any:
    """Replace every absolute path by its file name."""
    if isinstance(value, dict):
        return {strip_folders(key): strip_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [strip_folders(each) for each in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


if __name__ == "__main__":
    main()
