"""What a shell completes: names of configurations and experiments, settings, names of objectives."""

import os
import re
from collections.abc import Iterable
from importlib.resources import files

from atlop.config_files import default_settings, shipped_files

_EXPERIMENTS = "experiments/"
_OBJECTIVE = "objective.name"
_SPLIT_KEY = "ATLOP_COMPLETED_KEY"


def complete_configuration(incomplete: str) -> list[str]:
    """Return the shipped configurations whose name begins like this."""
    return _beginning((name for name in shipped_files() if not name.startswith(_EXPERIMENTS)), incomplete)


def complete_experiment(incomplete: str) -> list[str]:
    """Return the shipped experiments whose name begins like this."""
    names = [name.removeprefix(_EXPERIMENTS) for name in shipped_files() if name.startswith(_EXPERIMENTS)]
    return _beginning(names, incomplete)


def complete_setting(incomplete: str) -> list[str]:
    """Return settings, as `section.key=`, or names of objectives."""
    if key := os.environ.get(_SPLIT_KEY):
        return _beginning(_objectives() if key == _OBJECTIVE else (), incomplete)
    if incomplete.startswith(f"{_OBJECTIVE}="):
        return _beginning((f"{_OBJECTIVE}={name}" for name in _objectives()), incomplete)
    return _beginning((f"{key}=" for key in default_settings()), incomplete)


def join_split_setting() -> None:
    """Undo what bash does to `--set key=value`: it passes three words, and completes the last alone."""
    words = os.environ.get("COMP_WORDS", "").split("\n")[: int(os.environ.get("COMP_CWORD", 0)) + 1]
    if "=" in words[-2:]:
        sign = len(words) - 1 - words[::-1].index("=")
        os.environ[_SPLIT_KEY] = words[sign - 1]
        os.environ["COMP_WORDS"] = "\n".join([*words[: sign - 1], *words[sign + 1 :]])
        os.environ["COMP_CWORD"] = str(sign - 1)


def _objectives() -> list[str]:
    """Return the keys of `OBJECTIVES`; importing it would import torch, which takes seconds."""
    source = (files("atlop") / "objectives" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'^    "(\w+)": \w+,$', source, re.MULTILINE)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
