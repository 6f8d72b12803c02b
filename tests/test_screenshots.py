"""The pictures of the documentation are taken from a run by one command, and name no folder of the machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atlop.model_folder import save_model
from tests.documentation import PAGES, ROOT, text_of
from tests.golden_values import golden_model, golden_tokenizer
from tests.test_cli import run
from tests.test_cli_training import CONFIG

SCRIPT = ROOT / "scripts" / "screenshots.py"
PICTURES = {
    *("margins.svg", "precision_recall.svg", "relations.svg"),
    *("report.png", "serve.png", "watch.png", "graph.png"),
}
"""Pictures that `scripts/screenshots.py` makes."""


def test_the_documentation_shows_each_picture_and_none_is_large() -> None:
    folder = ROOT / "scripts" / "pictures"
    text = "".join(map(text_of, PAGES))

    drawn = {"method.svg", "learning_curve.svg", "learning_curve_cdr.svg"}
    assert {path.name for path in folder.iterdir()} == PICTURES | drawn
    for path in folder.iterdir():
        assert f"scripts/pictures/{path.name}" in text
        assert path.stat().st_size < 250_000


def test_a_path_of_the_machine_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="needs playwright: pip install playwright")
    pytest.importorskip("PIL", reason="needs Pillow, which matplotlib brings along")
    command = [sys.executable, str(SCRIPT), str(tmp_path), "pictures", "--dev", "dev.json", "--train", "train.json"]

    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert finished.returncode == 2
    assert "would be seen in the pictures" in finished.stderr


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_every_picture_is_taken(tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'atlop[serve]'")
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'atlop[report]'")
    pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")
    (tmp_path / "tiny.toml").write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    run("train", tmp_path / "tiny.toml", "--output", tmp_path / "tiny")
    shutil.rmtree(tmp_path / "tiny" / "best")  # another one, which finds facts
    save_model(tmp_path / "tiny" / "best", model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    (tmp_path / "dev.json").write_bytes(tiny_corpus.read_bytes())
    command = [sys.executable, str(SCRIPT), "tiny", "pictures", "--dev", "dev.json", "--train", "dev.json"]

    subprocess.run(command, cwd=tmp_path, check=True)

    assert {path.name for path in (tmp_path / "pictures").iterdir()} == PICTURES
