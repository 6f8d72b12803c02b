"""Whole epochs on a GPU, what `trainer.deterministic` costs there, and the memory of batches."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import torch

from atlop.config import DataConfig, EncoderConfig, RunConfig, TrainerConfig
from atlop.preprocessing import load_tokenizer
from atlop.training import build_training
from scripts.benchmarking.gpu import Found, Setting, run_steps, time_steps, write_encoder
from scripts.benchmarking.gpu_meters import captures, peaks, start_of_peaks
from scripts.benchmarking.made_corpus import write_made_corpus
from scripts.benchmarking.sides import Fast

EPOCH_DOCUMENTS = 3053
"""As many as DocRED's train file has."""
BATCH_SIZES = (1, 2, 4)
MEMORY_STEPS = 12


def measure_deterministic(setting: Setting) -> Iterator[Found]:
    """Measure steps that repeat themselves to the bit, and the same steps without."""
    start_of_peaks()
    # First, since cuBLAS reads its setting when a process first multiplies; the second training has it, too.
    found = time_steps(Fast(setting.material, precision="bf16", deterministic=True), setting.batches)
    yield found
    start_of_peaks()
    default = time_steps(Fast(setting.material, precision="bf16"), setting.batches)
    yield {"default": default, "times_the_default": found["step_ms"] / default["step_ms"]}


def measure_memory(setting: Setting) -> Iterator[Found]:
    """Measure the peak of some steps by batch size, with and without checkpointing; the longest documents come first.

    Accumulating the gradients of several batches takes no more than one of them.
    """
    for gradient_checkpointing in (False, True):
        for size in BATCH_SIZES:
            name = f"batch_{size}" + "_checkpointing" * gradient_checkpointing
            yield {name: _memory(setting, size=size, gradient_checkpointing=gradient_checkpointing)}


def _memory(setting: Setting, *, size: int, gradient_checkpointing: bool) -> Found:
    before = start_of_peaks()
    fast = Fast(setting.material, precision="bf16", gradient_checkpointing=gradient_checkpointing)
    lengths = [len(document.input_ids) for document in fast.documents]
    longest = sorted(range(len(lengths)), key=lengths.__getitem__)[-size:]
    others = [row for rows in setting.batches for row in rows]
    others = others[: size * (MEMORY_STEPS - 1)]
    run_steps(fast, [longest, *(others[first : first + size] for first in range(0, len(others), size))])
    torch.cuda.synchronize()
    return {
        "steps": MEMORY_STEPS,
        "longest_tokens": sum(lengths[row] for row in longest),
        "before_gb": before,
        **peaks(),
    }


def measure_epochs(*, size: str, documents_per_step: int, tokenizer_folder: str) -> Iterator[dict[str, Found]]:
    """Train two epochs as `atlop train` does, without evaluations."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = write_encoder(Path(folder), size=size, tokenizer_folder=tokenizer_folder)
        tokenizer = load_tokenizer(tokenizer_folder)
        file, relations = write_made_corpus(Path(folder), documents=EPOCH_DOCUMENTS, tokenizer=tokenizer)
        config = RunConfig(
            data=DataConfig(train=file, dev=file, relations=relations),
            encoder=EncoderConfig(name=str(encoder)),
            trainer=TrainerConfig(epochs=2, batch_size=documents_per_step, precision="bf16"),
        )
        training = build_training(config)
        epochs: list[float] = []
        with captures() as seconds_of_captures, training.accelerator.settings():
            started, epoch = perf_counter(), 0
            for step, batches in training.prefetch_steps():
                if step.epoch != epoch:
                    torch.cuda.synchronize()
                    epochs.append(perf_counter() - started)
                    started, epoch = perf_counter(), step.epoch
                training.step(batches)
            torch.cuda.synchronize()
            epochs.append(perf_counter() - started)
    yield {
        "epochs": {
            "documents": EPOCH_DOCUMENTS,
            "seconds": epochs,
            "documents_per_second": EPOCH_DOCUMENTS / epochs[-1],
            "graphs": len(seconds_of_captures),
            "capture_seconds": sum(seconds_of_captures),
            **peaks(),
        }
    }
