"""Choose the device and the precision of a model; process-wide settings are restored afterwards."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast_object_list

from atlop.config import Precision
from atlop.errors import AtlopError
from atlop.ops.precision import cpu_multiplies_bf16, gpu_multiplies_bf16, gpu_multiplies_tf32
from atlop.processes import join_processes, own_settings

logger = logging.getLogger(__name__)

_CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_HALF_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class DeviceAccelerator(Accelerator):  # type: ignore[misc]  # accelerate has no annotations
    """An accelerator with its own device and precision, which accelerate would share between all accelerators."""

    def __init__(self, device: torch.device, precision: Precision, *, deterministic: bool = False):
        """Store device and precision, which `accelerator_for` chooses, and whether a GPU repeats results to the bit."""
        self._device, self._is_deterministic = device, deterministic
        self.precision = precision
        """Number format of the matrix products; never `auto`."""
        AcceleratorState._reset_state()  # an earlier one may have had another precision
        with own_settings():
            super().__init__(mixed_precision=precision if precision in _HALF_DTYPES else "no")

    @property
    def device(self) -> Any:  # a torch.device, but transformers' `model.to` is annotated otherwise
        """Device of models and batches."""
        return self._device

    @contextmanager
    def autocast(self, autocast_handler: Any = None) -> Iterator[None]:
        """Compute in this precision."""
        half = _HALF_DTYPES.get(self.precision)
        with self.settings(), nullcontext() if half is None else torch.autocast(self.device.type, dtype=half):
            yield

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Set the current GPU, TF32 (only on for `tf32`) and determinism, all process-wide; restore them on exit."""
        if self.device.type != "cuda":
            yield
            return
        matmul_precision, cudnn_tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        is_tf32 = self.precision == "tf32"
        try:
            torch.set_float32_matmul_precision("high" if is_tf32 else "highest")
            torch.backends.cudnn.allow_tf32 = is_tf32
            with torch.cuda.device(self.device), _deterministic() if self._is_deterministic else nullcontext():
                yield
        finally:
            torch.set_float32_matmul_precision(matmul_precision)
            torch.backends.cudnn.allow_tf32 = cudnn_tf32


@contextmanager
def _deterministic() -> Iterator[None]:
    """Let PyTorch choose algorithms that repeat their results to the bit; restore its settings on exit."""
    was_on, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with cublas_workspace(deterministic=True):
            yield
    finally:
        torch.use_deterministic_algorithms(was_on, warn_only=warned)


@contextmanager
def cublas_workspace(*, deterministic: bool) -> Iterator[None]:
    """Set the variable with which cuBLAS repeats its results, unless it is set or not needed; remove it on exit.

    cuBLAS reads it when the process first multiplies on a GPU, and so do older versions of PyTorch, which refuse to be
    deterministic later: a process that multiplies before sets the variable itself.
    """
    if not deterministic or _CUBLAS_WORKSPACE in os.environ:
        yield
        return
    os.environ[_CUBLAS_WORKSPACE] = ":4096:8"
    try:
        yield
    finally:
        os.environ.pop(_CUBLAS_WORKSPACE, None)


def accelerator_for(
    precision: Precision = "auto", *, device: str | None = None, training: bool = False, deterministic: bool = False
) -> DeviceAccelerator:
    """Return an accelerator: device, precision and processes.

    `auto` is bf16 on a GPU with compute capability 8, and fp16 on older ones. On a CPU, training uses bf16 if the
    hardware multiplies it, else float32; prediction always uses float32. The choice is logged.

    Args:
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one and `ACCELERATE_USE_CPU` is not set.
        training: Whether the model will be trained.
        deterministic: Whether a GPU repeats results to the bit, which takes time; a CPU always does.

    Raises:
        AtlopError: There is no such device, it does not support the precision, or what `join_processes` raises.
    """
    torch_device = None if device is None else find_device(device)
    state = _join(torch_device)
    if torch_device is None or state.num_processes > 1:
        if torch_device is not None and (torch_device.type != state.device.type or torch_device.index is not None):
            raise AtlopError(
                f"--device {device}: {state.num_processes} processes were launched, each with its own device "
                f"({state.device} here); leave --device out"
            )
        torch_device = state.device
    if precision == "auto":
        chosen, reason = _fastest_precision(torch_device, training=training)
        if state.num_processes > 1:
            [chosen] = broadcast_object_list([chosen])  # their processors may differ
        if training or torch_device.type != "cpu":
            logger.info("precision %s: %s", chosen, reason)
        precision = chosen
    _check_precision(precision, device=torch_device)
    return DeviceAccelerator(torch_device, precision, deterministic=deterministic)


def is_main_process(device: str | None = None) -> bool:
    """Join the processes that were launched together, and return whether this is the one that writes.

    Raises:
        AtlopError: See `accelerator_for`, whose `device` this is.
    """
    return bool(_join(None if device is None else find_device(device)).is_main_process)


def _join(device: torch.device | None) -> PartialState:
    return join_processes(on_cpu=device is not None and device.type == "cpu")


def find_device(name: str) -> torch.device:
    """Return a device of this machine.

    Raises:
        AtlopError: It has no such device.
    """
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise AtlopError(f"--device {name}: expected cpu, cuda or cuda:N, the number of a GPU, from 0")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise AtlopError(f"--device {name}: PyTorch {torch.__version__} finds no GPU on this machine; give cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise AtlopError(f"--device {name}: this machine has cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return device


def _fastest_precision(device: torch.device, *, training: bool) -> tuple[Precision, str]:
    """Return the fastest safe precision of a device, and the reason."""
    if device.type == "cuda":
        has_bf16, reason = gpu_multiplies_bf16(device)
        return ("bf16" if has_bf16 else "fp16"), reason
    if device.type == "cpu" and training:
        has_bf16, reason = cpu_multiplies_bf16()
        return ("bf16" if has_bf16 else "float32"), reason
    return "float32", f"the device is {device.type}"


def _check_precision(precision: Precision, *, device: torch.device) -> None:
    """Refuse a precision that the device does not support."""
    if precision in ("fp16", "tf32") and device.type != "cuda":
        raise AtlopError(
            f"precision {precision}: needs a GPU; choose float32 or bf16 (a run keeps the precision that it began with)"
        )
    if precision == "tf32" and not gpu_multiplies_tf32(device):
        raise AtlopError(f"precision tf32: {torch.cuda.get_device_name(device)} has none; choose float32 or fp16")
