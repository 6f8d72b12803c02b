"""Times of fast and plain in turn in one run; medians of pairs, since machines are noisy."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from statistics import median
from time import perf_counter
from typing import Any

import torch

from atlop.cli.memory import keep_freed_memory
from atlop.config import Precision
from atlop.ops.linear import product
from atlop.preprocessing import Preprocessor
from scripts.benchmarking.sides import Fast, Material, Plain, make_model

DOCUMENTS_OF_STEP = 4
DOCUMENTS_OF_PREDICTION = 8
REPEATS_OF_SHARE = 3


def measure_speed(material: Material, *, rounds: int) -> dict[str, Any]:
    """Measure steps and prediction of fast (float32, bf16) and plain (float32).

    Every round takes other documents, and all sides take the same ones, one after the other. Each side has a process
    of its own, since fast keeps memory that it frees, as every command does, and plain has the allocator's defaults.

    Returns:
        Median seconds of each side, median ratios plain ÷ fast, and the share of the machine's matrix peak.
    """
    makers: dict[str, Callable[[], Fast | Plain]] = {
        "fast": partial(_make_fast, material, precision="float32"),
        "fast bf16": partial(_make_fast, material, precision="bf16"),
        "plain": partial(Plain, material),
    }
    rows = [rows_of_round(number, DOCUMENTS_OF_STEP, among=len(material.documents)) for number in range(rounds)]
    with ExitStack() as stack:
        sides = {name: stack.enter_context(_SideProcess(make)) for name, make in makers.items()}
        times = _measure_times(sides, rounds=rounds, among=len(material.documents))
        operations = [sides["plain"]("operations", step_rows) for step_rows in rows]
    with _SideProcess(makers["fast"]) as fast:
        return times | _measure_share(fast, rows=rows, operations=operations)


def _measure_times(sides: dict[str, "_SideProcess"], *, rounds: int, among: int) -> dict[str, Any]:
    steps: dict[str, list[float]] = {name: [] for name in sides}
    predictions: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-1, rounds):  # the first round warms up
        start = max(number, 0)
        step_rows = rows_of_round(start, DOCUMENTS_OF_STEP, among=among)
        prediction_rows = rows_of_round(start, DOCUMENTS_OF_PREDICTION, among=among)
        step_seconds = {name: side("step", step_rows) for name, side in sides.items()}
        prediction_seconds = {name: side("predict", prediction_rows) for name, side in sides.items()}
        if number < 0:
            continue
        for name in sides:
            steps[name].append(step_seconds[name])
            predictions[name].append(prediction_seconds[name])
    return {
        "step_seconds": {name: median(side_seconds) for name, side_seconds in steps.items()},
        "prediction_documents_per_second": {
            name: DOCUMENTS_OF_PREDICTION / median(side_seconds) for name, side_seconds in predictions.items()
        },
        "step_plain_over": {
            name: median(plain / own for own, plain in zip(steps[name], steps["plain"], strict=True))
            for name in ("fast", "fast bf16")
        },
        "prediction_plain_over": {
            name: median(plain / own for own, plain in zip(predictions[name], predictions["plain"], strict=True))
            for name in ("fast", "fast bf16")
        },
    }


def _measure_share(fast: "_SideProcess", *, rows: list[list[int]], operations: list[int]) -> dict[str, float]:
    """Measure consecutive steps as a fraction of the machine's peak in matrix products."""
    peaks, shares = [], []
    for repeat in range(-1, REPEATS_OF_SHARE):  # the first warms up
        for step_rows, count in zip(rows, operations, strict=True):
            seconds, peak = fast("step", step_rows), _peak()
            if repeat >= 0:
                peaks.append(peak)
                shares.append(count / seconds / peak)
    return {"matrix_peak_gflops": median(peaks) / 1e9, "share_of_matrix_peak": median(shares)}


def measure_preprocessing(material: Material, *, warm_up: int = 100) -> dict[str, float]:
    """Measure documents per second from words to tokens, on one core, after the first hundred."""
    model, tokenizer = make_model(material)
    config = model.config
    preprocessor = Preprocessor.from_config(
        config.model.preprocessing, tokenizer=tokenizer, vocabulary=config.vocabulary
    )
    list(preprocessor.preprocess(material.documents[:warm_up]))
    rest = material.documents[warm_up:] or material.documents
    started = perf_counter()
    list(preprocessor.preprocess(rest))
    return {"preprocessing_documents_per_second": len(rest) / (perf_counter() - started)}


class _SideProcess(ProcessPoolExecutor):
    """One side in its own process."""

    def __init__(self, make: Callable[[], Fast | Plain]):
        super().__init__(1, mp_context=get_context("spawn"), initializer=_begin, initargs=(make,))

    def __call__(self, method: str, rows: list[int]) -> Any:
        """Call a method of the side, and wait for what it returns."""
        return self.submit(_call, method, rows).result()


_side: Fast | Plain
"""The side of this process; set in a `_SideProcess`."""


def _begin(make: Callable[[], Fast | Plain]) -> None:
    global _side
    _side = make()


def _call(method: str, rows: list[int]) -> Any:
    return getattr(_side, method)(rows)


def _make_fast(material: Material, *, precision: Precision) -> Fast:
    keep_freed_memory()
    return Fast(material, precision=precision)


def rows_of_round(number: int, size: int, *, among: int) -> list[int]:
    """Return the documents of a round, different ones each round; wraps around the corpus."""
    return [(number * size + offset) % among for offset in range(size)]


def _peak(size: int = 2048, repeats: int = 4) -> float:
    """Return the operations per second of a float32 matrix product, by the faster of PyTorch's two libraries."""
    matrix = torch.randn(size, size)
    best = 0.0
    for multiply in (torch.mm, product):
        multiply(matrix, matrix)
        started = perf_counter()
        for _ in range(repeats):
            multiply(matrix, matrix)
        best = max(best, repeats * 2 * size**3 / (perf_counter() - started))
    return best
