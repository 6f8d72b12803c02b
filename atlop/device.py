"""Where and in which number format a model computes: chosen from what the machine has, and put back afterwards."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env

from atlop.config import Precision
from atlop.errors import AtlopError
from atlop.ops.precision import cpu_multiplies_bf16

logger = logging.getLogger(__name__)

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class DeviceAccelerator(Accelerator):  # type: ignore[misc]  # accelerate has no annotations
    """An accelerator whose device and precision are its own: accelerate's share them with any that is made later."""

    def __init__(self, device: torch.device, precision: Precision):
        """Keep device and precision; `accelerator_for` chooses them."""
        self._device = device
        self.precision = precision
        """Number format of the matrix products; never `auto`."""
        AcceleratorState._reset_state()  # an earlier one may have had another precision
        super().__init__(mixed_precision=precision if precision in _HALF else "no")

    @property
    def device(self) -> Any:  # a torch.device, which transformers' `model.to` is not annotated to take
        """Where models and batches go."""
        return self._device

    @contextmanager
    def autocast(self, autocast_handler: Any = None) -> Iterator[None]:
        """Compute in the precision."""
        half = _HALF.get(self.precision)
        with self.settings(), nullcontext() if half is None else torch.autocast(self.device.type, dtype=half):
            yield

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold what PyTorch has one value of for the whole process: the current GPU, and TF32, on for `tf32` alone."""
        if self.device.type != "cuda":
            yield
            return
        products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        is_tf32 = self.precision == "tf32"
        try:
            torch.set_float32_matmul_precision("high" if is_tf32 else "highest")
            torch.backends.cudnn.allow_tf32 = is_tf32
            with torch.cuda.device(self.device):
                yield
        finally:
            torch.set_float32_matmul_precision(products)
            torch.backends.cudnn.allow_tf32 = convolutions


def accelerator_for(
    precision: Precision = "auto", *, device: str | None = None, training: bool = False
) -> DeviceAccelerator:
    """Return the device, precision and processes to work with.

    `auto` is bf16 on a GPU that has it (compute capability 8) and fp16 on older ones. On a CPU, training takes bf16
    where the CPU multiplies it in hardware, else float32; prediction always takes float32 there. One line of the log
    says what was chosen.

    Args:
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; without it what `accelerate launch` or the machine sets, a GPU where there is
            one.
        training: Whether a model is trained.

    Raises:
        AtlopError: There is no such device, or it cannot compute in this precision.
    """
    named = None if device is None else _device_named(device)
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        PartialState._reset_state()  # an earlier one may have been on another device
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or (named is not None and named.type == "cpu")
    state = PartialState(cpu=on_cpu)
    if named is None or state.num_processes > 1:
        if named is not None and (named.type != state.device.type or named.index is not None):
            raise AtlopError(
                f"--device {device}: {state.num_processes} processes were launched, each with a device of its own "
                f"({state.device} here); leave it out"
            )
        named = state.device
    if precision == "auto":
        chosen, reason = _precision_of(named, training=training)
        if state.num_processes > 1:
            [chosen] = broadcast_object_list([chosen])  # their processors may differ
        if training or named.type != "cpu":
            logger.info("precision %s: %s", chosen, reason)
        precision = chosen
    _check(precision, device=named)
    return DeviceAccelerator(named, precision)


def _device_named(name: str) -> torch.device:
    """Return a device of this machine."""
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise AtlopError(f"--device {name}: expected cpu, cuda or cuda:N, the number of a GPU, from 0")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise AtlopError(f"--device {name}: PyTorch {torch.__version__} finds no GPU on this machine; give cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise AtlopError(f"--device {name}: this machine has cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return device


def _precision_of(device: torch.device, *, training: bool) -> tuple[Precision, str]:
    """Return the fastest precision that is safe on a device, and the reason."""
    if device.type == "cuda":
        name, (major, minor) = torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device)
        return ("bf16" if major >= 8 else "fp16"), f"{name} has compute capability {major}.{minor}"
    if device.type == "cpu" and training:
        has_bf16, reason = cpu_multiplies_bf16()
        return ("bf16" if has_bf16 else "float32"), reason
    return "float32", f"the device is {device.type}"


def _check(precision: Precision, *, device: torch.device) -> None:
    """Refuse a precision that a device lacks."""
    if precision in ("fp16", "tf32") and device.type != "cuda":
        raise AtlopError(
            f"precision {precision}: needs a GPU; choose float32 or bf16 (a run keeps the precision that it began with)"
        )
    if precision == "tf32" and torch.cuda.get_device_capability(device) < (8, 0):
        raise AtlopError(f"precision tf32: {torch.cuda.get_device_name(device)} has none; choose float32 or fp16")
