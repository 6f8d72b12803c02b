"""The benchmark measures what it says: equal models on both sides, every part of it."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from scripts.benchmarking.extraction import PIPELINE
from scripts.benchmarking.sides import Fast, Plain, read_material

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "dev.json"


def test_both_sides_give_the_same_scores(tiny_encoder: Path) -> None:
    material = read_material(SAMPLE, encoder=str(tiny_encoder), most=5)
    fast, plain = Fast(material), Plain(material)
    fast.model.eval()
    plain.model.eval()
    with torch.no_grad():
        torch.testing.assert_close(fast.scores([0, 3]), plain.scores([0, 3]), atol=1e-5, rtol=0)


def test_a_large_corpus_is_made_encoded_and_opened_again(tiny_encoder: Path) -> None:
    command = [sys.executable, "scripts/benchmark.py", "--encoder", str(tiny_encoder), "--documents", str(SAMPLE)]
    measure = [*command, "--corpus-documents", "200", "--measure", "corpus", "fast"]
    found = json.loads(subprocess.run(measure, cwd=SAMPLE.parents[2], stdout=subprocess.PIPE, check=True).stdout)
    assert found["documents_per_second"] > 0
    assert found["peak_bytes"] > found["kept_bytes"] > 0
    assert found["seconds_from_disk"] > 0


@pytest.mark.long
def test_every_part_runs_and_writes_its_numbers(tiny_encoder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "scripts/benchmark.py", "--encoder", str(tiny_encoder), "--documents", str(SAMPLE)]
    smaller = ["--rounds", "1", "--corpus-documents", "200", "--lengths", "1000", "8000", "--entities", "50", "100"]
    subprocess.run(
        [*command, *smaller, "--output", str(tmp_path)],
        cwd=SAMPLE.parents[2],
        check=True,
    )
    result = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert set(result["step_seconds"]) == {"fast", "fast bf16", "plain"}
    assert result["share_of_matrix_peak"] > 0
    assert result["preprocessing_documents_per_second"] > 0
    assert result["corpus"]["seconds"] > 0
    assert result["extraction"]["share_of_prediction"] > 0
    if find_spec(PIPELINE):
        assert all(rate > 0 for rate in result["extraction"]["stages"].values())
    assert list(result["length"]["fast"]) == ["1000", "8000"]
    assert list(result["length"]["plain"]) == ["1000"]  # whose memory grows with the square
    assert list(result["entities"]) == ["50", "100"]
    subprocess.run(
        [sys.executable, "scripts/plot_benchmark.py", tmp_path / "benchmark.json", tmp_path / "length.svg"],
        cwd=SAMPLE.parents[2],
        check=True,
    )
    assert "atlop" in (tmp_path / "length.svg").read_text(encoding="utf-8")
    assert "| matrix peak gflops |" in (tmp_path / "benchmark.md").read_text(encoding="utf-8")
