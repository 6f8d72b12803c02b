"""What a first user runs into has a way out: one message that says what to do, and nothing lost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel, PreTrainedModel

from tests.test_cli import DOCUMENT, run, values_of, write
from tests.test_cli_training import CONFIG

DEMO = Path(__file__).parents[1] / "scripts" / "demo.sh"
OWN = "data = {{ train = '{corpus}', dev = '{corpus}' }}\nencoder.name = '{encoder}'\n"
SMALL = ("classifier.representation_size=32", "classifier.block_size=8", "trainer.precision=float32")


def settings(*overrides: str) -> list[str]:
    return [part for each in overrides for part in ("--set", each)]


@pytest.fixture
def _no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if an encoder or a model is loaded."""

    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("loaded")

    for loader in (AutoModel, PreTrainedModel):
        monkeypatch.setattr(loader, "from_pretrained", fail)


@pytest.mark.usefixtures("_no_encoder")
@pytest.mark.parametrize(
    "command",
    [
        "train config.toml",
        "train config.toml --dry-run",
        "evaluate sample absent.json",
        "evaluate sample here.json --train absent.json",
        "predict sample absent.json",
        "calibrate sample absent.json",
        "extract sample absent.jsonl",
        "report sample --dev absent.json",
        "plot sample --dev absent.json",
        "experiment experiment.toml",
        "experiment experiment.toml --dry-run",
    ],
)
def test_a_file_that_is_not_there_is_reported_before_a_model_is_loaded(
    command: str, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "here.json", [DOCUMENT])
    (tmp_path / "config.toml").write_text(OWN.format(corpus="absent.json", encoder=tiny_encoder), encoding="utf-8")
    (tmp_path / "experiment.toml").write_text(
        'title = "t"\nconfig = "config.toml"\nseeds = [1]\n[[variants]]\nname = "a"\n', encoding="utf-8"
    )
    before = set(tmp_path.iterdir())

    _, problem = run(*command.split(), code=2)

    assert "absent.json" in problem
    assert "no such file" in problem
    assert set(tmp_path.iterdir()) == before


def test_a_new_corpus_needs_two_files_and_an_encoder(tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(OWN.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")

    output, _ = run("train", config, "--output", tmp_path / "run", *settings(*SMALL, "trainer.epochs=1"))

    assert values_of(output)["steps"] == "1"
    assert "F1 is 0" not in output or values_of(output)["F1"] == "0.00"


def test_a_file_that_a_shipped_configuration_names_can_be_done_without(
    tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = tmp_path / "names.toml"
    names.write_text('extends = "docred_bert_base"\n[data]\nrelation_names = "names.json"\n', encoding="utf-8")
    own = settings(f"data.train={tiny_corpus}", f"data.dev={tiny_corpus}", f"encoder.name={tiny_encoder}", *SMALL)

    _, problem = run("train", names, "--output", "run", *own, code=2)

    assert problem.endswith(", or --set data.relation_names= does without\n")
    run("train", names, "--output", "run", *own, "--set", "data.relation_names=", "--set", "trainer.epochs=1")


def test_too_few_documents_for_a_batch_name_the_setting(tiny_encoder: Path, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    corpus = write(tmp_path / "own.json", [DOCUMENT, DOCUMENT | {"title": "other"}, DOCUMENT | {"title": "third"}])
    config.write_text(OWN.format(corpus=corpus, encoder=tiny_encoder), encoding="utf-8")

    _, problem = run("train", config, "--output", tmp_path / "run", *settings(*SMALL), code=2)

    assert "trainer.batch_size: 4, but there are only 3 train documents; --set trainer.batch_size=2 takes" in problem


@pytest.mark.parametrize(
    ("submitted", "says"), [(0, "predicts no fact after 2 steps"), (9, "9 facts, none of them right")]
)
def test_a_score_of_zero_says_what_to_try(
    submitted: int, says: str, tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = tmp_path / "tiny.toml", tmp_path / "run"
    config.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    run("train", config, "--output", folder, *settings("trainer.epochs=1"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    summary["best"] |= {"f1": 0.0, "precision": 0.0, "recall": 0.0, "correct": 0, "submitted": submitted}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")

    advice = " ".join(run("train", "--resume", folder)[0].partition("F1 is 0: ")[2].split())

    assert says in advice
    assert f"`atlop check {tiny_corpus}`" in advice
    assert ("--set trainer.min_steps=6" in advice) == (submitted == 0)


STUB = """#!{python}
import pathlib, sys
run = pathlib.Path("runs/sample")
with open("calls", "a") as file:
    print(*sys.argv[1:], file=file)
if sys.argv[1] == "train":
    is_first = not run.exists()
    run.mkdir(parents=True, exist_ok=True)
    (run / "checkpoint").touch()
    if is_first:
        sys.exit(143)
    (run / "summary.json").touch()
if sys.argv[1] == "predict":
    (run / "result.zip").touch()
"""


def test_the_demo_continues_after_a_stop_and_skips_what_is_done(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(DEMO, tmp_path / "scripts" / "demo.sh")
    (tmp_path / "scripts" / "environment.sh").write_text(f'set -euo pipefail\ncd "{tmp_path}"\nATLOP_ENCODER=small\n')
    command = tmp_path / ".venv" / "bin" / "atlop"
    command.parent.mkdir(parents=True)
    command.write_text(STUB.format(python=sys.executable))
    command.chmod(0o755)

    def demo() -> tuple[int, list[str]]:
        (tmp_path / "calls").unlink(missing_ok=True)
        ended = subprocess.run(["bash", "scripts/demo.sh"], cwd=tmp_path, capture_output=True, env=os.environ)
        return ended.returncode, [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]

    assert demo() == (143, ["train"])
    assert demo() == (0, ["train", "predict", "evaluate"])
    assert demo() == (0, ["evaluate"])
    assert (tmp_path / "runs" / "sample" / "checkpoint").exists(), "what the stopped call left"


def test_without_output_results_go_beside_and_replace_nothing(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_corpus, tmp_path / "dev.json")
    commands = {
        ("extract", "sample"): {"texts.facts.jsonl"},
        ("graph", "texts.facts.jsonl"): {"texts.graphml"},
        ("predict", "sample", "dev.json"): {"dev.result.json", "dev.result.zip"},
        ("convert", "dev.json", "--to", "jsonl"): {"dev.jsonl"},
        ("convert", "dev.jsonl", "--to", "docred"): {"dev.docred"},
        ("report", "dev.result.json", "--dev", "dev.json"): {"dev.report.html"},
        ("plot", "sample", "--dev", "dev.json"): {"sample.plots"},
    }
    for command, made in commands.items():
        before = {path.name for path in tmp_path.iterdir()}
        run(*command)
        assert {path.name for path in tmp_path.iterdir()} - before == made
        if command[0] != "extract":  # which goes on
            assert "already exists" in run(*command, code=2)[1]
