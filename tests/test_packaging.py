import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def members(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_shipped_configuration(members: list[str]) -> None:
    shipped = {f"atlop/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*.toml")}

    assert "atlop/configs/docred_bert_base.toml" in shipped
    assert {name for name in members if name.startswith("atlop/configs/")} == shipped


def test_the_wheel_holds_what_pages_are_made_of(members: list[str]) -> None:
    parts = {
        str(path.relative_to(ROOT))
        for suffix in ("html", "css", "js", "jsonl")
        for path in (ROOT / "atlop").rglob(f"*.{suffix}")
    }

    assert {"atlop/pages/base.html", "atlop/report/page/report.css", "atlop/serving/page/marks.js"} <= parts
    assert parts <= set(members)


def test_the_wheel_holds_every_shipped_scheme(members: list[str]) -> None:
    shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "atlop/corpora/formats/pubtator/schemes").glob("*.toml")}

    assert {path.rpartition("/")[2] for path in shipped} == {"cdr.toml", "biored.toml"}
    assert shipped <= set(members)


def test_the_wheel_holds_every_module_and_the_license(members: list[str]) -> None:
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "atlop").rglob("*.py")} <= set(members)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in members)


def test_the_wheel_holds_nothing_else_but_the_sample(wheel: Path, members: list[str]) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in members} == {"atlop"}
    data = {name for name in members if name.endswith((".json", ".safetensors", ".pt", ".pyc"))}
    assert {name.rpartition("/")[0] for name in data} == {"atlop/sample/model", "atlop/sample/corpus"}
    assert wheel.stat().st_size < 4_000_000


def test_the_wheel_finds_its_configurations_outside_the_clone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = (
        "from atlop.config_files import find_config, load_config; data = load_config('sample').data;"
        "assert data.train.is_file() and data.dev.is_file() and data.relations.is_file(); print(find_config('sample'))"
    )

    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(found.stdout.strip()) == tmp_path / "installed" / "atlop" / "configs" / "sample.toml"


def test_the_command_and_the_component_lead_to_their_functions(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        entry_points = archive.read(name).decode()
    assert "atlop = atlop.cli:main" in entry_points
    assert "[spacy_factories]\natlop = atlop.inference.spacy_pipe:make" in entry_points
