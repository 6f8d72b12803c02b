"""Steps, prediction and extraction on a GPU: the package, and the plain form of `tests/reference.py`.

Both compute in bf16 on the same batches. The card is part of the result.
"""

import gc
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import BertConfig, BertModel

from atlop.config import DataConfig, EncoderConfig, RunConfig, TrainerConfig
from atlop.inference import RelationExtractor
from atlop.inference.parts import extract_file
from atlop.inference.sources import Source
from atlop.ops import CapturedEncoder
from atlop.prediction import predict_facts
from atlop.prefetching import prefetch
from atlop.preprocessing import Batch, load_tokenizer
from atlop.training import build_training
from scripts.benchmarking.extraction import plain_text
from scripts.benchmarking.made_corpus import write_made_corpus
from scripts.benchmarking.sides import Fast, Material, Plain, read_material

SIZES: dict[str, dict[str, Any]] = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-base": {},
    "roberta-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""Sizes of encoders; their weights are random, and all are of BERT's type."""

STEPS, PLAIN_STEPS = 60, 10
"""Steps of a pass; the plain form takes the first of the same ones."""
PASSES = 3
PREDICTED, EXTRACTED, EPOCH_DOCUMENTS = 2000, (1000, 1000, 6000), 3053
"""Documents that are predicted, extracted by three commands, and trained on."""

Result = TypeVar("Result")


def measure_gpu(*, size: str, documents_per_step: int, tokenizer_folder: str, epoch: bool) -> Iterator[dict[str, Any]]:
    """Yield what is measured of one size of encoder on a made corpus, side by side; `epoch`: two whole epochs instead.

    What is measured first is not lost if the rest takes too long.
    """
    yield {"card": torch.cuda.get_device_name(), "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as folder:
        encoder = Path(folder) / "encoder"
        tokenizer = load_tokenizer(tokenizer_folder)
        torch.manual_seed(66)
        BertModel(BertConfig(vocab_size=len(tokenizer), **SIZES[size])).save_pretrained(encoder)
        tokenizer.save_pretrained(encoder)
        count = EPOCH_DOCUMENTS if epoch else 500
        file, relations = write_made_corpus(Path(folder), documents=count, tokenizer=tokenizer)
        if epoch:
            yield _epochs(file, relations, encoder=encoder, batch_size=documents_per_step)
            return
        material = read_material(file, encoder=str(encoder), most=count)
        batches = _batches(documents_per_step, among=count)
        found: dict[str, Any] = {}
        for measured in _package(material, batches):
            yield {"package": measured}
            found |= measured
        gc.collect()  # accelerate refers from a model to itself
        torch.cuda.empty_cache()
        plain, operations = _plain(material, batches[:PLAIN_STEPS])
        yield {"plain": plain}
        peak = _matrix_peak()
        yield {"peak_tflops": peak / 1e12, "share_of_peak": operations / peak / found["plain_batches_step_ms"] * 1e3}


def _batches(size: int, *, among: int) -> list[list[int]]:
    random = np.random.default_rng(1)
    return [random.permutation(among)[:size].tolist() for _ in range(STEPS)]


def _package(material: Material, batches: list[list[int]]) -> Iterator[dict[str, Any]]:
    fast = Fast(material, precision="bf16")

    def steps(rows: list[list[int]]) -> None:
        def make(each: list[int]) -> Batch:
            return fast.batch(each).pin_memory()

        for batch in prefetch(rows, make=make):
            fast.training.step([batch])

    with _captures() as captures:
        found = _passes(lambda: steps(batches))
    yield found | {"graphs": len(captures), "capture_seconds": sum(captures)}
    few = batches[:PLAIN_STEPS]
    seconds = _median_seconds(lambda: steps(few), warm=False)
    yield {"plain_batches_step_ms": seconds / len(few) * 1e3} | _profiled(lambda: steps(few), len(few))
    yield {"waits": _waits(lambda: steps(batches[:3])) / 3}
    documents = [replace(fast.documents[n % len(fast.documents)], index=n) for n in range(PREDICTED)]
    predict = partial(predict_facts, fast.model, documents, accelerator=fast.training.accelerator)
    yield {"documents_per_second": PREDICTED / _median_seconds(predict), "prediction_waits": _waits(predict)}
    extractor = RelationExtractor(fast.model, fast.training.tokenizer)
    # The first one also starts what starts the processes, and computes the sha256 of the weights.
    first, again, many = (_extraction_seconds(extractor, material, documents=count) for count in EXTRACTED)
    rate = (EXTRACTED[2] - EXTRACTED[1]) / (many - again)
    yield {"extracted_documents_per_second": rate, "extraction_start_seconds": first - EXTRACTED[0] / rate}


def _extraction_seconds(extractor: RelationExtractor, material: Material, *, documents: int) -> float:
    """Extract from JSON lines to Parquet."""
    with plain_text(material, rows=[number % len(material.documents) for number in range(documents)]) as file:
        started = perf_counter()
        extract_file(extractor, Source(file), output=file.with_name("facts.parquet"))
        return perf_counter() - started


def _plain(material: Material, batches: list[list[int]]) -> tuple[dict[str, Any], float]:
    """Return what is measured of the plain form, and the operations of its step."""
    plain = Plain(material)
    plain.model.to("cuda")

    def on_gpu(work: Callable[[list[int]], Result], batches: list[list[int]]) -> list[Result]:
        found = []
        for rows in batches:  # each with copies of the weights of its own
            with torch.device("cuda"), torch.autocast("cuda", dtype=torch.bfloat16):
                found.append(work(rows))
        return found

    found = _passes(lambda: on_gpu(plain.step, batches), steps=len(batches))
    found |= _profiled(lambda: on_gpu(plain.step, batches[:3]), 3)
    rows = list(range(64))
    for size in (8, 16):
        parts = [rows[first : first + size] for first in range(0, len(rows), size)]
        found[f"documents_per_second_{size}"] = len(rows) / _median_seconds(partial(on_gpu, plain.predict, parts))
    return found, float(np.mean(on_gpu(plain.operations, batches)))


def _epochs(file: Path, relations: Path, *, encoder: Path, batch_size: int) -> dict[str, Any]:
    """Train two epochs as `atlop train` does, without evaluations."""
    config = RunConfig(
        data=DataConfig(train=file, dev=file, relations=relations),
        encoder=EncoderConfig(name=str(encoder)),
        trainer=TrainerConfig(epochs=2, batch_size=batch_size, precision="bf16"),
    )
    training = build_training(config)
    seconds: list[float] = []
    with _captures() as captures, training.accelerator.settings():
        started, epoch = perf_counter(), 0
        for step, batches in training.prefetch_steps():
            if step.epoch != epoch:
                torch.cuda.synchronize()
                seconds.append(perf_counter() - started)
                started, epoch = perf_counter(), step.epoch
            training.step(batches)
        torch.cuda.synchronize()
        seconds.append(perf_counter() - started)
    return {
        "epoch_seconds": seconds,
        "graphs": len(captures),
        "capture_seconds": sum(captures),
        "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
    }


def _passes(work: Callable[[], object], *, steps: int = STEPS) -> dict[str, Any]:
    """Return the time of a step over all batches, after a pass that warms up and captures."""
    torch.cuda.reset_peak_memory_stats()  # what was captured does not count any more when it is repeated
    started = perf_counter()
    work()
    torch.cuda.synchronize()
    first = perf_counter() - started
    seconds = _median_seconds(work, warm=False)
    return {
        "first_pass_seconds": first,
        "step_ms": seconds / steps * 1e3,
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
        "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
    }


def _median_seconds(work: Callable[[], object], *, warm: bool = True) -> float:
    seconds = []
    for _ in range(PASSES + warm):
        torch.cuda.synchronize()
        started = perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(perf_counter() - started)
    return median(seconds[warm:])


def _profiled(work: Callable[[], object], steps: int) -> dict[str, float]:
    """Return kernels a step, and the time that the GPU computes."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        work()
        torch.cuda.synchronize()
    kernels = [event for event in profiled.key_averages() if event.self_device_time_total]
    return {
        "kernels": sum(event.count for event in kernels) / steps,
        "busy_ms": sum(event.self_device_time_total for event in kernels) / steps / 1e3,
    }


def _waits(work: Callable[[], object]) -> int:
    """Count how often the host waits for the device, but for events, by which it waits for results only."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in said)


@contextmanager
def _captures() -> Iterator[list[float]]:
    """Collect the seconds of each capture."""
    seconds: list[float] = []
    capture = CapturedEncoder._capture

    def timed(*args: Any, **kwargs: Any) -> None:
        torch.cuda.synchronize()
        started = perf_counter()
        capture(*args, **kwargs)
        torch.cuda.synchronize()
        seconds.append(perf_counter() - started)

    with patch.object(CapturedEncoder, "_capture", timed):
        yield seconds


def _matrix_peak() -> float:
    """Return the operations per second of a large product in bf16."""
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 10 * 2 * 8192**3 / _median_seconds(lambda: [left @ right for _ in range(10)])
