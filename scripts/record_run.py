"""Keep what finished runs of one configuration say of themselves, without their weights and this machine's folders.

Several runs differ in their seeds only. Example:

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

OF_EACH_RUN = ("command", "run")
"""What the environments of two runs differ in anyway."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("record", type=Path)
    options = parser.parse_args()
    record: dict[str, Any] = {}
    for run in options.runs:
        config = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
        seed = config["trainer"].pop("seed")
        found = {"config": config, "environment": environment_of(run)}
        if record and {key: record[key] for key in found} != found:
            raise AtlopError(f"{run}: differs from {options.runs[0]} in more than its seed; record them one by one")
        record = record or {**found, "runs": []}
        record["runs"].append(
            {"seed": seed, "summary": read_json(run / "summary.json"), "evaluations": evaluations_of(run)}
        )
    write_text(options.record, json.dumps(without_folders(record), indent=1) + "\n")


def environment_of(run: Path) -> dict[str, Any]:
    """Return what a run and others like it ran in."""
    refuse_earlier_version(run)
    return {key: value for key, value in read_json(run / "environment.json").items() if key not in OF_EACH_RUN}


def evaluations_of(run: Path) -> list[dict[str, Any]]:
    """Return step, seconds since the start and F1 of every evaluation."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        {"step": line["step"], "seconds": line["seconds"], "f1": line["dev"]["f1"]} for line in lines if "dev" in line
    ]


def without_folders(value: Any) -> Any:
    """Replace every absolute path by its last part."""
    if isinstance(value, dict):
        return {without_folders(key): without_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_folders(each) for each in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


if __name__ == "__main__":
    main()
