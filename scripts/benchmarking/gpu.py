"""Steps, prediction and extraction on a GPU: the package, and the plain form of `tests/reference.py`.

Both compute in bf16 on the same batches of a made corpus, with random weights. On an H200, a step of 4 documents with
BERT-base took the prototype (docs/gpu.md) 12 ms with graphs and 42 without, and plain code 87 ms, or 150 with
RoBERTa-large. So a pass of 60 steps takes 1 to 9 s, and with 16 documents in each perhaps four times as long.
"""

import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch
from transformers import BertConfig, BertModel

from atlop.inference import RelationExtractor
from atlop.inference.parts import extract_file
from atlop.inference.sources import Source
from atlop.prediction import predict_facts
from atlop.prefetching import prefetch
from atlop.preprocessing import Batch, load_tokenizer
from scripts.benchmarking.extraction import plain_text
from scripts.benchmarking.gpu_meters import (
    captures,
    matrix_peak,
    median_seconds,
    pass_seconds,
    peaks,
    profiled,
    start_of_peaks,
    until,
    waits,
)
from scripts.benchmarking.made_corpus import write_made_corpus
from scripts.benchmarking.sides import Fast, Material, Plain, read_material

SIZES: dict[str, dict[str, Any]] = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-base": {},
    "roberta-large": {
        "vocab_size": 50265,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""Sizes of encoders, as they differ from BERT-base; all are of BERT's type."""

DEVICE = "cuda"
DOCUMENTS = 500
STEPS = 60
"""Steps of a pass, each with other documents."""
PROFILED = 10
PLAIN_WARM_UP, PLAIN_SECONDS, PLAIN_PROFILED, PLAIN_PREDICTED = 5, 25, 3, 64
"""The plain form makes one pass over the same batches, which ends after so many seconds."""
COUNTED = 24
"""Documents whose operations are counted, which takes long; those of a step follow from its tokens."""
PREDICTED, EXTRACTED = 2000, (1000, 1000, 6000)
"""Documents that are predicted, and those that three commands extract."""

Result = TypeVar("Result")
Found = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What every part measures."""

    material: Material
    batches: list[list[int]]
    """Documents of each step."""
    found: dict[str, Found] = field(default_factory=dict)
    """What was measured before, by part."""


Part = Callable[[Setting], Iterator[Found]]


def measure_parts(
    parts: dict[str, Part], *, size: str, documents_per_step: int, tokenizer_folder: str
) -> Iterator[Found]:
    """Yield what each part finds of one size of encoder, `{part: numbers}`, as soon as it is there.

    A part that fails has `failed` among its numbers, and the others go on.
    """
    with tempfile.TemporaryDirectory() as folder:
        encoder = write_encoder(Path(folder), size=size, tokenizer_folder=tokenizer_folder)
        file, _ = write_made_corpus(Path(folder), documents=DOCUMENTS, tokenizer=load_tokenizer(tokenizer_folder))
        material = read_material(file, encoder=str(encoder), most=DOCUMENTS)
        random = np.random.default_rng(1)
        batches = [random.permutation(DOCUMENTS)[:documents_per_step].tolist() for _ in range(STEPS)]
        setting = Setting(material, batches)
        for name, part in parts.items():
            own = setting.found.setdefault(name, {})
            try:
                for found in part(setting):
                    own |= found
                    yield {name: found}
            except Exception as error:
                traceback.print_exc()
                yield {name: {"failed": f"{type(error).__name__}: {error}"}}
            start_of_peaks()  # the next part finds the memory free


def write_encoder(folder: Path, *, size: str, tokenizer_folder: str) -> Path:
    """Write an encoder with random weights; return its folder."""
    encoder = folder / "encoder"
    tokenizer = load_tokenizer(tokenizer_folder)
    config = BertConfig(**SIZES[size])
    config.vocab_size = max(config.vocab_size, len(tokenizer))
    torch.manual_seed(66)
    BertModel(config).save_pretrained(encoder)
    tokenizer.save_pretrained(encoder)
    return encoder


def run_steps(fast: Fast, batches: list[list[int]]) -> None:
    """Train on batches as `atlop train` does: the next ones are made meanwhile."""

    def make(rows: list[int]) -> Batch:
        return fast.batch(rows).pin_memory()

    with fast.training.accelerator.settings():
        for batch in prefetch(batches, make=make):
            fast.training.step([batch])


def time_steps(fast: Fast, batches: list[list[int]]) -> Found:
    """Return the time of a step over all batches, after a pass that warms up and captures, and the memory of both."""
    with captures() as seconds_of_captures:
        started = perf_counter()
        run_steps(fast, batches)
        torch.cuda.synchronize()
        first = perf_counter() - started
        seconds = pass_seconds(lambda: run_steps(fast, batches))
    graphs = {"graphs": len(seconds_of_captures), "capture_seconds": sum(seconds_of_captures)}
    return {"first_pass_seconds": first, **graphs, **_rates(seconds, steps=len(batches), documents=len(batches[0]))}


def _rates(seconds: list[float], *, steps: int, documents: int) -> Found:
    """Return the time of a step of some documents by the median of passes."""
    step = float(np.median(seconds)) / steps
    return {
        "steps": steps,
        "passes": len(seconds),
        "step_ms": step * 1e3,
        "documents_per_second": documents / step,
        **peaks(),
    }


def measure_package(setting: Setting) -> Iterator[Found]:
    """Measure steps of the package."""
    start_of_peaks()
    fast = Fast(setting.material, precision="bf16")
    tokens = [len(fast.documents[row].input_ids) for rows in setting.batches for row in rows]
    yield {"tokens_per_step": sum(tokens) / len(setting.batches), **time_steps(fast, setting.batches)}
    few = setting.batches[:PROFILED]
    yield {"waits": waits(lambda: run_steps(fast, few)) / len(few)}
    yield profiled(lambda: run_steps(fast, few), steps=len(few))


def measure_plain(setting: Setting) -> Iterator[Found]:
    """Measure steps and predictions of the plain form, and the share of the matrix peak of both."""
    start_of_peaks()
    plain, batches = Plain(setting.material), setting.batches
    plain.model.to(DEVICE)

    def on_gpu(work: Callable[[list[int]], Result], batches: Iterable[list[int]]) -> list[Result]:
        found = []
        for rows in batches:  # each with copies of the weights of its own
            with torch.device(DEVICE), torch.autocast(DEVICE, dtype=torch.bfloat16):
                found.append(work(rows))
        return found

    on_gpu(plain.step, batches[:PLAIN_WARM_UP])
    torch.cuda.synchronize()
    started = perf_counter()
    steps = len(on_gpu(plain.step, until(batches, seconds=PLAIN_SECONDS)))
    torch.cuda.synchronize()
    measured = _rates([perf_counter() - started], steps=steps, documents=len(batches[0]))
    yield measured
    counted = [row for rows in batches for row in rows][:COUNTED]
    operations_per_token = sum(on_gpu(plain.operations, [[row] for row in counted])) / plain.tokens(counted)
    operations = operations_per_token * sum(map(plain.tokens, batches)) / len(batches)
    peak = matrix_peak()
    yield {"step_tflop": operations / 1e12, "matrix_peak_tflops": peak / 1e12}
    step_ms = {"": measured["step_ms"], "package_": setting.found.get("package", {}).get("step_ms")}
    yield {f"{side}share_of_peak": operations / peak / ms * 1e3 for side, ms in step_ms.items() if ms}
    few = batches[:PLAIN_PROFILED]
    yield {"waits": waits(lambda: on_gpu(plain.step, few)) / len(few)}
    yield profiled(lambda: on_gpu(plain.step, few), steps=len(few))
    rows = list(range(PLAIN_PREDICTED))
    for size in (8, 16):
        parts = [rows[first : first + size] for first in range(0, len(rows), size)]
        predict = partial(on_gpu, plain.predict, parts)
        predict()
        yield {f"predicted_documents_per_second_{size}": len(rows) / median_seconds(predict)}


def measure_prediction(setting: Setting) -> Iterator[Found]:
    """Measure the prediction of documents that are preprocessed already."""
    fast = Fast(setting.material, precision="bf16")
    documents = [replace(fast.documents[n % len(fast.documents)], index=n) for n in range(PREDICTED)]
    predict = partial(predict_facts, fast.model, documents, accelerator=fast.training.accelerator)
    predict()
    yield {"documents_per_second": PREDICTED / median_seconds(predict)}
    yield {"waits": waits(predict), **peaks()}


def measure_extraction(setting: Setting) -> Iterator[Found]:
    """Measure the extraction from JSON lines to Parquet, and what it takes to begin."""
    fast = Fast(setting.material, precision="bf16")
    extractor = RelationExtractor(fast.model, fast.training.tokenizer)
    # The first one also starts what starts the processes, and computes the sha256 of the weights.
    first, again, many = (_extraction_seconds(extractor, setting.material, documents=count) for count in EXTRACTED)
    rate = (EXTRACTED[2] - EXTRACTED[1]) / (many - again)
    yield {"documents_per_second": rate, "start_seconds": first - EXTRACTED[0] / rate}


def _extraction_seconds(extractor: RelationExtractor, material: Material, *, documents: int) -> float:
    with plain_text(material, rows=[number % len(material.documents) for number in range(documents)]) as file:
        started = perf_counter()
        extract_file(extractor, Source(file), output=file.with_name("facts.parquet"))
        return perf_counter() - started
