"""The benchmark measures what it says: equal models on both sides, every part of it."""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from atlop.preprocessing import Batch
from scripts import benchmark
from scripts.benchmarking import gpu, gpu_meters, gpu_trainings, made_corpus
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


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the measurements of a GPU run on the CPU, small, without what only CUDA has."""
    answers = {
        "get_device_name": "a card",
        "synchronize": None,
        "memory_allocated": 0,
        "max_memory_allocated": 2e9,
        "max_memory_reserved": 3e9,
        "reset_peak_memory_stats": None,
        "set_sync_debug_mode": None,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(Batch, "pin_memory", lambda batch: batch)

    def profiled(work: Callable[[], object], *, steps: int) -> dict[str, float]:
        work()
        return {"kernels": steps}

    monkeypatch.setattr(gpu, "profiled", profiled)
    monkeypatch.setattr(gpu, "matrix_peak", lambda: 1e12)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    monkeypatch.setitem(gpu.SIZES, "minilm", sizes)
    smaller: dict[Any, dict[str, Any]] = {
        gpu: {
            "DEVICE": "cpu",
            "DOCUMENTS": 6,
            "STEPS": 3,
            "PREDICTED": 6,
            "PLAIN_PREDICTED": 4,
            "EXTRACTED": (1, 1, 6),
        },
        gpu_meters: {"PASSES": 1},
        gpu_trainings: {"EPOCH_DOCUMENTS": 5, "MEMORY_STEPS": 2},
        made_corpus: {"WORDS": 40, "SENTENCES": 2, "ENTITIES": 4, "MENTIONS": 5, "FACTS": 2},
    }
    for module, values in smaller.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


def of_a_gpu(encoder: Path, **options: Any) -> Namespace:
    defaults = {"size": "minilm", "documents_per_step": 2, "epoch": False, "output": None}
    return Namespace(encoder=str(encoder), **{"parts": list(benchmark.GPU_PARTS), **defaults, **options})


@pytest.mark.usefixtures("card")
def test_every_part_of_a_gpu_runs_and_names_the_card_beside_its_numbers(
    tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = benchmark._measure_gpu(of_a_gpu(tiny_encoder, output=tmp_path))
    said = capsys.readouterr()
    assert status == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert all(line["card"] == "a card" and line["size"] == "minilm" for line in lines)
    result = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert {part for line in lines for part in line} == set(result) >= set(benchmark.GPU_PARTS)
    assert result["package"]["steps"] == result["plain"]["steps"] == 3
    assert result["plain"]["package_share_of_peak"] > 0
    assert result["deterministic"]["times_the_default"] > 0
    assert list(result["memory"]) == [f"batch_{n}{rest}" for rest in ("", "_checkpointing") for n in (1, 2, 4)]
    assert all(each["peak_gb"] == 2 for each in result["memory"].values())
    rows = (tmp_path / "benchmark.md").read_text(encoding="utf-8").splitlines()
    assert "| package · steps | 3.000 | a card | minilm | 2 |" in rows
    assert all("| a card |" in row for row in rows[2:])


@pytest.mark.usefixtures("card")
def test_epochs_on_a_gpu_are_whole(tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark._measure_gpu(of_a_gpu(tiny_encoder, epoch=True)) == 0
    [found] = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(found["epochs"]["seconds"]) == 2


@pytest.mark.usefixtures("card")
def test_a_part_of_a_gpu_that_fails_is_told_and_the_next_one_is_measured(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: gpu.Setting) -> Iterator[gpu.Found]:
        yield {"step_ms": 1.0}
        raise RuntimeError("no more")

    monkeypatch.setattr(benchmark, "GPU_PARTS", {"package": fail, "prediction": lambda _: iter([{"waits": 0}])})
    assert benchmark._measure_gpu(of_a_gpu(tiny_encoder, parts=["package", "prediction"])) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("package") for line in found] == [{"step_ms": 1.0}, {"failed": "RuntimeError: no more"}, None]
    assert found[-1]["prediction"] == {"waits": 0}


def test_a_part_that_a_device_does_not_have_is_refused(tiny_encoder: Path) -> None:
    command = [sys.executable, "scripts/benchmark.py", "--encoder", str(tiny_encoder), "--parts", "plain"]
    done = subprocess.run(command, cwd=SAMPLE.parents[2], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--parts plain: with --device cpu, they are speed, preprocessing" in done.stderr
