"""Shard a model's weights, gradients and optimizer state over processes (FSDP)."""

from copy import deepcopy

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from atlop.model import AtlopModel


def sharded_copy(model: AtlopModel, *, accelerator: Accelerator) -> AtlopModel:
    """Return a copy sharded over all processes; the weights of a layer are gathered while it computes.

    The model must be the same in every process.
    """
    copy = deepcopy(model)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for layers in [module for module in copy.encoder.modules() if isinstance(module, nn.ModuleList)]:
        for layer in layers:
            fully_shard(layer, mesh=mesh)  # moves the layer to the device
    fully_shard(copy, mesh=mesh)
    return copy


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
