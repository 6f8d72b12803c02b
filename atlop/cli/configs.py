"""`atlop configs`."""

import re
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

from atlop.cli.options import Json
from atlop.cli.session import print_result
from atlop.cli.text import terminal_width
from atlop.config_files import load_config, shipped_files
from atlop.corpora import data_files, download_commands, missing_files
from atlop.files import read_toml


def configs(as_json: Json = False) -> None:
    """List the shipped configurations and experiments, and what they need.

    Says whether their data are here, and where missing data come from.
    """
    entries = [_entry(name, path) for name, path in shipped_files().items()]
    print_result(
        {"configs": entries},
        as_json=as_json,
        heading="`atlop train NAME` trains a configuration, `atlop experiment NAME` the runs of an experiment.",
        blocks=["\n".join(_lines(entry)) for entry in entries],
    )


def _entry(name: str, path: Path) -> dict[str, Any]:
    comment = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    text = " ".join(re.sub("^# ?", "", line) for line in (comment[0] if comment else "").splitlines())
    described = {"name": name, "description": re.split(r"(?<! al)\.(?= |$)|:", text)[0]}
    tree = read_toml(path)
    if "variants" in tree:
        rows = len(tree["variants"]) * len(tree.get("sizes", [None]))
        return described | {"config": tree["config"], "runs": rows * len(tree["seeds"])}
    config = load_config(name)
    missing = missing_files(config.data)
    return described | {
        "data": sorted({str(file.parent) for file in data_files(config.data).values()}),
        "missing": list(missing.values()),
        "download": download_commands(missing.values()),
        "encoder": config.encoder.name,
        "start_from": config.trainer.start_from,
    }


def _lines(entry: dict[str, Any]) -> list[str]:
    """Return what the configuration is, then what it needs."""
    if "config" in entry:
        needs = f"up to {entry['runs']} runs of {entry['config']}"
    else:
        data = " and ".join(entry["data"])
        if entry["missing"]:
            source = ", ".join(f"`{command}`" for command in entry["download"]) or "see data/README.md"
            data += f" (missing: {source})"
        needs = ", ".join(filter(None, [f"needs {data}", entry["encoder"], entry["start_from"]]))
    wrap = partial(textwrap.wrap, width=terminal_width(), subsequent_indent="    ", break_on_hyphens=False)
    return [*wrap(f"{entry['name']}: {entry['description']}"), *wrap(f"  {needs}")]
