"""Which precisions the hardware multiplies matrices in."""

import os

import torch

ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables that limit oneDNN, which multiplies PyTorch's bf16 matrices, to older instruction sets."""

_WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
"""Their values without bf16 instructions: products are then 5 (AVX512) to 200 (AVX2) times slower than in float32."""


def gpu_multiplies_bf16(device: torch.device) -> tuple[bool, str]:
    """Return whether a GPU has bf16 units (compute capability 8), and the reason."""
    major, minor = torch.cuda.get_device_capability(device)
    return major >= 8, f"{torch.cuda.get_device_name(device)} has compute capability {major}.{minor}"


def gpu_multiplies_tf32(device: torch.device) -> bool:
    """Return whether a GPU has TF32 units."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


def cpu_multiplies_bf16() -> tuple[bool, str]:
    """Return whether bf16 is faster than float32 on this CPU in this PyTorch, and the reason."""
    if torch.cpu._is_amx_tile_supported():
        unit = "AMX"
    elif torch.cpu._is_avx512_bf16_supported():
        unit = "AVX512-bf16"
    else:
        return False, "the CPU has neither AVX512-bf16 nor AMX"
    capability = torch.backends.cpu.get_cpu_capability()
    if not capability.startswith("AVX512"):
        return False, f"the CPU has {unit}, but PyTorch is limited to {capability} (ATEN_CPU_CAPABILITY)"
    for variable in ISA_LIMITS:
        limit = os.environ.get(variable, "").upper()
        if limit in _WITHOUT_BF16:
            return False, f"the CPU has {unit}, but {variable}={limit} disables it"
    if not _onednn_has_bf16():
        return False, f"the CPU has {unit}, but this build of PyTorch does not use it"
    return True, f"the CPU has {unit}"


def _onednn_has_bf16() -> bool:
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
