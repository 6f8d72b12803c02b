"""Device and precision: chosen from what the machine has, one line says so, and nothing of the process is changed."""

import os
import re
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from atlop import device
from atlop.config import Precision
from atlop.device import DeviceAccelerator, accelerator_for
from atlop.errors import AtlopError
from atlop.ops import precision as cpu
from atlop.ops.precision import cpu_multiplies_bf16
from atlop.training import trainer
from tests.devices import needs_gpu
from tests.training.test_resuming import short_training, with_trainer

needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a GPU")
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
KEPT_TO_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs of compute capability 9.0, as far as questions go."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))


def process_settings() -> tuple[object, ...]:
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.get_default_dtype()


@pytest.mark.parametrize(
    ("capability", "training", "expected"),
    [((9, 0), True, "bf16"), ((8, 0), False, "bf16"), ((7, 5), True, "fp16"), ((6, 1), False, "fp16")],
)
def test_a_gpu_computes_in_bf16_or_where_it_has_none_in_fp16(
    capability: tuple[int, int], training: bool, expected: str, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    chosen, reason = device._fastest_precision(torch.device("cuda", 0), training=training)
    assert chosen == expected
    assert reason == f"GPU has compute capability {capability[0]}.{capability[1]}"


@needs_no_gpu
@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "float32")])
def test_a_cpu_trains_in_bf16_where_it_multiplies_it_and_predicts_in_float32(
    has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "cpu_multiplies_bf16", lambda: (has_bf16, "the CPU is what the test says"))
    with caplog.at_level("INFO"):
        assert accelerator_for(training=True).precision == expected
        assert accelerator_for().precision == "float32"
    assert caplog.messages == [f"precision {expected}: the CPU is what the test says"]


@pytest.mark.parametrize(
    ("unit", "capability", "limit", "onednn", "expected", "reason"),
    [
        ("AMX", "AVX512", None, True, True, "the CPU has AMX"),
        ("AVX512-bf16", "AVX512", None, True, True, "the CPU has AVX512-bf16"),
        (None, "AVX512", None, True, False, "neither AVX512-bf16 nor AMX"),
        ("AMX", "AVX2", None, True, False, r"limited to AVX2 \(ATEN_CPU_CAPABILITY\)"),
        ("AMX", "AVX512", "AVX512_CORE", True, False, "ONEDNN_MAX_CPU_ISA=AVX512_CORE disables it"),
        ("AMX", "AVX512", "avx2", True, False, "ONEDNN_MAX_CPU_ISA=AVX2 disables it"),
        ("AMX", "AVX512", "AVX512_CORE_BF16", True, True, "the CPU has AMX"),
        ("AMX", "AVX512", None, False, False, "this build of PyTorch does not use it"),
    ],
)
def test_bf16_on_a_cpu_asks_what_pytorch_may_use(
    unit: str | None,
    capability: str,
    limit: str | None,
    onednn: bool,
    expected: bool,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: unit == "AMX")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: unit is not None)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(cpu, "_onednn_has_bf16", lambda: onednn)
    for variable in cpu.ISA_LIMITS:
        monkeypatch.delenv(variable, raising=False)
    if limit is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    found, why = cpu_multiplies_bf16()
    assert found is expected
    assert re.search(reason, why)


@needs_no_gpu
def test_the_variables_of_pytorch_and_onednn_decide_in_a_process_of_its_own() -> None:
    code = "from atlop.device import accelerator_for; print(accelerator_for(training=True).precision)"
    finished = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | KEPT_TO_AVX2, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "float32"


def test_two_accelerators_keep_their_own_precision() -> None:
    coarse, exact = accelerator_for("bf16", device="cpu"), accelerator_for("float32", device="cpu")
    matrix = torch.ones(2, 2)
    with coarse.autocast():
        assert (matrix @ matrix).dtype == torch.bfloat16
    with exact.autocast():
        assert (matrix @ matrix).dtype == torch.float32


def test_the_cpu_can_be_asked_for() -> None:
    accelerator = accelerator_for("float32", device="cpu")
    assert (accelerator.device.type, accelerator.num_processes) == ("cpu", 1)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0", "CUDA", "cuda:1\n"])
def test_a_device_of_no_such_name_is_refused(name: str) -> None:
    with pytest.raises(AtlopError, match="expected cpu, cuda or cuda:N"):
        accelerator_for(device=name)


@needs_no_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_one_message(name: str) -> None:
    with pytest.raises(AtlopError, match=rf"--device {name}: PyTorch .* finds no GPU on this machine; give cpu"):
        accelerator_for(device=name)


def test_a_gpu_beyond_the_last_is_one_message(gpu: None) -> None:
    with pytest.raises(AtlopError, match="--device cuda:2: this machine has cuda:0 to cuda:1"):
        accelerator_for(device="cuda:2")


@pytest.mark.parametrize("precision", ["fp16", "tf32"])
def test_a_precision_of_gpus_is_refused_on_a_cpu(precision: Precision) -> None:
    with pytest.raises(AtlopError, match=rf"precision {precision}: needs a GPU; choose float32 or bf16"):
        accelerator_for(precision, device="cpu")


def test_tf32_is_refused_on_a_gpu_that_has_none(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(AtlopError, match="precision tf32: GPU has none; choose float32 or fp16"):
        device._check_precision("tf32", device=torch.device("cuda", 0))


@pytest.mark.parametrize(
    ("precision", "expected"), [("tf32", ("high", True)), ("float32", ("highest", False)), ("bf16", ("highest", False))]
)
def test_tf32_is_on_for_its_span_alone_and_float32_is_true_float32(
    precision: Precision, expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[torch.device] = []

    class Current:
        def __init__(self, device: torch.device):
            entered.append(device)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(torch.cuda, "device", Current)
    accelerator = DeviceAccelerator(torch.device("cpu"), precision)
    accelerator._device = torch.device("cuda", 1)
    before = process_settings()
    with accelerator.settings():
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == expected
    assert process_settings() == before
    with suppress(KeyError), accelerator.settings():
        raise KeyError
    assert process_settings() == before
    assert entered == [torch.device("cuda", 1)] * 2


@pytest.mark.parametrize("own", [None, ":16:8"])
def test_determinism_holds_for_its_span_alone_and_keeps_a_workspace_that_is_set(
    own: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    if own is not None:
        monkeypatch.setenv(WORKSPACE, own)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    accelerator = DeviceAccelerator(torch.device("cpu"), "float32", deterministic=True)
    accelerator._device = torch.device("cuda", 1)
    with suppress(KeyError), accelerator.settings(), accelerator.autocast():
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ[WORKSPACE] == (own or ":4096:8")
        raise KeyError
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ.get(WORKSPACE) == own


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_deterministic_training_sets_the_workspace_before_it_is_built_and_removes_it(
    deterministic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    seen = []

    def build_training(*_: Any, **__: Any) -> None:
        seen.append(WORKSPACE in os.environ)
        raise AtlopError("not built")

    monkeypatch.setattr(trainer, "build_training", build_training)
    config = with_trainer(short_training(tmp_path), deterministic=deterministic)
    with pytest.raises(AtlopError, match="not built"):
        trainer.train(config, output=tmp_path / "run")
    assert seen == [deterministic]
    assert WORKSPACE not in os.environ


def test_importing_and_choosing_change_nothing_of_the_process() -> None:
    before = process_settings()
    accelerator = accelerator_for("float32", device="cpu")
    with accelerator.settings(), accelerator.autocast():
        assert process_settings() == before
    assert process_settings() == before


@pytest.mark.parametrize("precision", [pytest.param(name, marks=needs_gpu) for name in ("float32", "tf32")])
def test_float32_products_are_exact_and_those_of_tf32_are_not(precision: Precision) -> None:
    accelerator = accelerator_for(precision)
    torch.manual_seed(0)
    left, right = torch.randn(512, 512), torch.randn(512, 512)
    with accelerator.settings():
        found = (left.to(accelerator.device) @ right.to(accelerator.device)).cpu().double()
    exact = left.double() @ right.double()
    error = ((found - exact).abs().max() / exact.abs().max()).item()
    assert error < 1e-6 if precision == "float32" else 1e-5 < error < 1e-2
