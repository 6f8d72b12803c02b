"""Processes join if they were launched together; what others have left makes nobody wait and changes nothing."""

import os
from datetime import timedelta

import pytest
import torch

from atlop import processes
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.processes import join_processes
from tests.web import closed_port

PORT = closed_port().rpartition(":")[2]
LAUNCHED = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": PORT}


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LAUNCHED, "TORCHELASTIC_USE_AGENT_STORE", *(name for name in os.environ if "ACCELERATE" in name)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(processes, "PATIENCE", timedelta(seconds=1))


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "left",
    [
        {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"},
        {"LOCAL_RANK": "0"},
        {"RANK": "3"},
        {"RANK": "x", "LOCAL_RANK": ""},
        {"WORLD_SIZE": ""},
        {"PMI_SIZE": "4", "OMPI_COMM_WORLD_SIZE": "4", "MV2_COMM_WORLD_SIZE": "four"},
    ],
    ids=str,
)
@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_process_alone_waits_for_nobody(left: dict[str, str], on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, left)
    state = join_processes(on_cpu=on_cpu)
    assert (state.num_processes, state.process_index, state.is_main_process) == (1, 0, True)
    assert {name: os.environ[name] for name in left} == left


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"MASTER_ADDR": "", "MASTER_PORT": ""}, "MASTER_ADDR, MASTER_PORT not set"),
        ({"LOCAL_RANK": ""}, "LOCAL_RANK not set"),
        ({"RANK": "4"}, "RANK is not below WORLD_SIZE"),
        ({"RANK": "first"}, "invalid literal .* 'first'"),
        ({"WORLD_SIZE": "-2"}, "RANK is not below WORLD_SIZE"),
        ({"MASTER_PORT": "70000"}, "port must have value from 0 to 65535"),
    ],
)
def test_variables_that_cannot_be_right_are_named(
    change: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, LAUNCHED | change)
    with pytest.raises(AtlopError, match=rf"WORLD_SIZE=.*: the processes cannot be joined: {reason}.* `unset RANK"):
        join_processes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "1/4 clients joined"),
        ({"RANK": "2"}, "no process listens at 127.0.0.1"),
        ({"TORCHELASTIC_USE_AGENT_STORE": "True"}, "no process listens at 127.0.0.1"),
    ],
)
def test_a_wait_for_processes_that_never_start_ends(
    change: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, LAUNCHED | change)
    with pytest.raises(AtlopError, match=rf"WORLD_SIZE=4, .*MASTER_PORT={PORT}: the processes cannot .*{reason}"):
        join_processes()


@pytest.mark.parametrize(
    "left",
    [
        {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
        {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "auto"},
        {"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR", "ACCELERATE_DYNAMO_USE_FULLGRAPH": "perhaps"},
        {"ACCELERATE_TORCH_DEVICE": "cuda"},
        {"ACCELERATE_MIXED_PRECISION": "fp8", "ACCELERATE_FP8_BACKEND": "TE"},
        {"ACCELERATE_CPU_AFFINITY": "1", "ACCELERATE_DEBUG_MODE": "perhaps", "FORK_LAUNCHED": "perhaps"},
        {"ACCELERATE_USE_SAGEMAKER": "true", "ACCELERATE_SAGEMAKER_DISTRIBUTED_TYPE": "DATA_PARALLEL"},
        {"ACCELERATE_USE_FSDP": "false", "FSDP_VERSION": "two"},
    ],
    ids=str,
)
def test_settings_of_accelerate_change_nothing(left: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, left)
    accelerator = accelerator_for("bf16", device="cpu", training=True)
    weight = torch.ones(1, requires_grad=True)
    accelerator.backward((3 * weight).sum())
    assert weight.grad == 3
    assert (accelerator.device.type, accelerator.precision, accelerator.num_processes) == ("cpu", "bf16", 1)
    assert accelerator.state.dynamo_plugin.backend.value == "NO"
    assert {name: os.environ[name] for name in left} == left


@pytest.mark.parametrize("engine", ["DEEPSPEED", "FSDP", "MEGATRON_LM", "PARALLELISM_CONFIG"])
@pytest.mark.parametrize("value", ["true", "1", "perhaps", ""])
def test_another_way_to_train_is_refused_by_name(engine: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{engine}", value)
    with pytest.raises(AtlopError, match=f"ACCELERATE_USE_{engine}={value}: .* unset the variable"):
        accelerator_for()


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("YES", True), ("0", False), ("", False)])
def test_the_cpu_can_be_asked_for_by_a_variable(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", value)
    assert join_processes()._cpu is expected
    monkeypatch.setenv("ACCELERATE_USE_CPU", "perhaps")
    with pytest.raises(AtlopError, match="ACCELERATE_USE_CPU=perhaps: expected true or false"):
        join_processes()
