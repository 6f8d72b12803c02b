"""Shard a model's weights, gradients and optimizer state over processes (FSDP); gather, check and load them."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from atlop.errors import AtlopError
from atlop.model import AtlopModel


def sharded_copy(model: AtlopModel, *, accelerator: Accelerator) -> AtlopModel:
    """Return a copy sharded over all processes; the weights of a layer are gathered while it computes.

    The model must be the same in every process.
    """
    copy = deepcopy(model)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for layer in layers_of(copy.encoder):
        fully_shard(layer, mesh=mesh)  # moves the layer to the device
    fully_shard(copy, mesh=mesh)
    return copy


def layers_of(module: nn.Module) -> list[nn.Module]:
    """Return the members of the module's lists, of those lists that lie in no other."""
    layers: list[nn.Module] = []
    for child in module.children():
        layers += child if isinstance(child, nn.ModuleList) else layers_of(child)
    return layers


def copy_weights(source: nn.Module, *, to: nn.Module) -> None:
    """Copy weights to another model of the same sizes, either of them sharded or not; every process must call it."""
    weights = dict(source.named_parameters())
    with torch.no_grad():
        for name, weight in to.named_parameters():
            weight.copy_(sharded_like(full_tensor(weights[name]).to(weight.device), weight))


def full_tensor(tensor: Tensor) -> Tensor:
    """Gather a sharded tensor, which every process must call; return any other tensor unchanged."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sharded_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """Shard a tensor like a weight of the same shape; return it unchanged if there is no such weight."""
    if not isinstance(weight, DTensor) or tensor.shape != weight.shape:
        return tensor
    return distribute_tensor(tensor.to(weight.device), weight.device_mesh, weight.placements)


def optimizer_tensors(optimizer: Optimizer, *, keep: bool) -> dict[str, Tensor]:
    """Gather the state of an optimizer, by number of the weight and name; every process must call it.

    Only processes with `keep` copy it to the CPU; the others get nothing.
    """
    tensors = {}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            full = full_tensor(value)
            if keep:
                tensors[f"{number}.{name}"] = full.cpu()
    return tensors


def load_optimizer_tensors(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Load what `optimizer_tensors` returned; every process must call it."""
    weights = _weights(optimizer)
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        own = sharded_like(value.clone(), weights[int(number)])  # a loaded tensor may be backed by the file
        states.setdefault(int(number), {})[name] = own
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})


def check_optimizer_tensors(tensors: Mapping[str, Tensor], optimizer: Optimizer) -> None:
    """Check that tensors are a state of AdamW, of all weights or of some.

    Raises:
        AtlopError: A name, shape or type differs.
    """
    expected = {
        f"{number}.{name}": torch.zeros(()) if name == "step" else weight
        for number, weight in enumerate(_weights(optimizer))
        for name in ("step", "exp_avg", "exp_avg_sq")
        if f"{number}.step" in tensors
    }
    check_tensors(tensors, expected, kind="tensors of the optimizer")


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, kind: str) -> None:
    """Check that tensors have the names, shapes and types of others.

    Raises:
        AtlopError: They differ.
    """
    first, second = ({name: (each.shape, each.dtype) for name, each in side.items()} for side in (found, expected))
    if differing := sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name)):
        raise AtlopError(f"{kind} are missing, unknown, or of another shape or type: {', '.join(differing[:8])}")


def _weights(optimizer: Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]
