"""Imports go down the house's ranks only, never between rooms of one rank; `import atlop` is light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import atlop

ROOT = Path(atlop.__file__).parent
RANKS = (
    ("errors",),
    (
        "parsing",
        "sample",
    ),
    ("files", "json_values", "network", "secrets", "pages", "stopping", "processes", "prefetching", "web"),
    ("schema", "config", "environment"),
    ("submission_problems",),
    ("config_files", "weights_and_biases", "corpora", "preprocessing", "decoding", "evaluation", "submission"),
    ("ops", "run_folder", "run_metrics"),
    ("model",),
    ("objectives",),
    ("model_folder", "device", "random_states", "sharding"),
    ("scores", "trained_weights"),
    ("prediction",),
    ("fusion",),
    ("ensemble",),
    ("calibration", "teachers"),
    ("training", "inference", "scoring", "checking", "converting"),
    ("estimates", "end_to_end"),
    ("experiments", "report"),
    ("serving", "watching", "distillation"),
    ("cli",),
    ("__main__",),
)
"""DESIGN's ranks from the ground up; below them what every room stands on, above them what starts the command."""
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(source: str, *, package: tuple[str, ...]) -> Iterator[str]:
    """Yield the rooms that a module imports, anywhere in it.

    Args:
        source: The module's text.
        package: The package that it lies in, for example `("atlop", "model")`.
    """
    for node in ast.walk(ast.parse(source)):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*module, alias.name) for alias in node.names] if len(module) == 1 else [module]
        for name in names:
            if name[0] == "atlop" and len(name) > 1 and not name[1].startswith("__version"):
                yield name[1]


def violations(source: str, *, room: str, package: tuple[str, ...] = ("atlop",)) -> list[str]:
    """Return the rooms that a module must not import."""
    rooms = [other for other in imported_rooms(source, package=package) if other != room]
    return [other for other in rooms if RANK[other] >= RANK[room]]


def test_every_room_has_a_rank() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(RANK)
    assert {"schema", "preprocessing", "model", "prediction", "training"} <= rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    if path == ROOT / "__init__.py":
        source = path.read_text(encoding="utf-8")
        at_once = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not list(imported_rooms("\n".join(map(ast.unparse, at_once)), package=("atlop",)))
        later = set(imported_rooms(source, package=("atlop",)))  # when it is asked for
        assert later == {"calibration", "checking", "converting", "inference", "model", "schema", "scoring", "training"}
        return
    package = ("atlop", *path.relative_to(ROOT).parts[:-1])
    upward = violations(path.read_text(encoding="utf-8"), room=room_of(path), package=package)
    assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("preprocessing", "from atlop.model import AtlopModel"),
        ("preprocessing", "import atlop.objectives"),
        ("model", "from atlop.objectives import Objective"),
        ("decoding", "def later():\n    from atlop.preprocessing.batch import Batch"),
        ("schema", "from atlop import config"),
        ("model", "from ..training import train"),
        ("errors", "from atlop.files import read_json"),
        ("files", "import atlop.json_values"),
    ],
)
def test_an_import_up_or_sideways_is_found(room: str, source: str) -> None:
    assert violations(source, room=room, package=("atlop", room))


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("model", "from atlop.model.context import EntityAttention"),
        ("model", "from .context import EntityAttention"),
        ("training", "from atlop.prediction import predict_facts"),
        ("cli", "from atlop import __version__"),
        ("preprocessing", "import torch"),
    ],
)
def test_an_import_down_or_within_is_fine(room: str, source: str) -> None:
    assert not violations(source, room=room, package=("atlop", room))


@pytest.mark.parametrize("statement", ["import atlop", "import atlop.schema, atlop.errors, atlop.config"])
def test_importing_the_package_is_light(statement: str) -> None:
    code = f"import sys; {statement}; sys.exit(str(sorted({{'torch', 'transformers', 'wandb'}} & set(sys.modules))))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.stderr.strip() == "[]"
