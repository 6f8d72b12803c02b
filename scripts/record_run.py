"""Keep what a finished run says of itself, without its weights and without this machine's folders.

Example: python scripts/record_run.py runs/redocred_minilm scripts/measured/redocred_minilm.json
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from atlop.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("record", type=Path)
    options = parser.parse_args()
    environment = json.loads((options.run / "environment.json").read_text(encoding="utf-8"))
    evaluations = [
        metrics
        for metrics in map(json.loads, (options.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
        if "dev" in metrics
    ]
    record = {
        "config": tomllib.loads((options.run / "config.toml").read_text(encoding="utf-8")),
        "environment": {key: value for key, value in environment.items() if key != "command"},
        "summary": json.loads((options.run / "summary.json").read_text(encoding="utf-8")),
        "evaluations": [
            {"update": each["update"], "seconds": each["seconds"], "f1": each["dev"]["f1"]} for each in evaluations
        ],
    }
    write_text(options.record, json.dumps(_without_folders(record), indent=1) + "\n")


def _without_folders(value: Any) -> Any:
    """Replace every absolute path by its last part."""
    if isinstance(value, dict):
        return {_without_folders(key): _without_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


if __name__ == "__main__":
    main()
