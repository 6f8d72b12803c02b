"""Times, memory, kernels and waits of what a GPU does."""

import gc
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from atlop.ops import CapturedEncoder

PASSES = 3
SECONDS = 8
"""No further pass begins after so many seconds; the first one is always finished."""

Item = TypeVar("Item")


def pass_seconds(work: Callable[[], object]) -> list[float]:
    """Return the time of each pass; what comes first should have been done before."""
    seconds: list[float] = []
    while len(seconds) < PASSES and sum(seconds) < SECONDS:
        torch.cuda.synchronize()
        started = perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(perf_counter() - started)
    return seconds


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median time of `pass_seconds`."""
    return median(pass_seconds(work))


def until(items: Iterable[Item], *, seconds: float) -> Iterator[Item]:
    """Yield items until so many seconds are over, but at least one."""
    started = perf_counter()
    for item in items:
        yield item
        if perf_counter() - started > seconds:
            return


def start_of_peaks() -> float:
    """Give back memory that is not used any more, forget peaks, and return the GB that are still allocated."""
    gc.collect()  # accelerate refers from a model to itself
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated() / 1e9


def peaks() -> dict[str, float]:
    """Return the GB that tensors took at most since `start_of_peaks`, and those that PyTorch held for them."""
    return {
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
        "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
    }


def profiled(work: Callable[[], object], *, steps: int) -> dict[str, float]:
    """Return kernels and copies a step, and the time that the GPU is busy with them."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        work()
        torch.cuda.synchronize()
    events = profiler.events() or ()
    kernels = [each for each in events if each.device_type == DeviceType.CUDA and not each.is_user_annotation]
    return {
        "kernels": len(kernels) / steps,
        "busy_ms": sum(each.time_range.elapsed_us() for each in kernels) / steps / 1e3,
    }


def waits(work: Callable[[], object]) -> int:
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
def captures() -> Iterator[list[float]]:
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


def matrix_peak() -> float:
    """Return the operations per second of a large product in bf16."""
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))

    def multiply() -> None:
        for _ in range(10):
            left @ right

    multiply()  # sets libraries up
    return 10 * 2 * 8192**3 / median_seconds(multiply)
