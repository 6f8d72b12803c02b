"""A model whose weights, gradients and optimizer state are sharded among processes (FSDP)."""

from copy import deepcopy

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from atlop.model import AtlopModel


def sharded_copy(model: AtlopModel, *, accelerator: Accelerator) -> AtlopModel:
    """Return a copy of which every process holds its share; the weights of a layer come together while it computes.

    Args:
        model: The same in every process.
        accelerator: Device and processes.
    """
    copy = deepcopy(model)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for layers in [module for module in copy.encoder.modules() if isinstance(module, nn.ModuleList)]:
        for layer in layers:
            fully_shard(layer, mesh=mesh)  # which moves the layer to the device
    fully_shard(copy, mesh=mesh)
    return copy


def copy_weights(source: nn.Module, *, to: nn.Module) -> None:
    """Copy the weights of a model, whole or sharded, to one of the same sizes; every process calls it."""
    weights = dict(source.named_parameters())
    with torch.no_grad():
        for name, weight in to.named_parameters():
            weight.copy_(sharded_like(full_tensor(weights[name]).to(weight.device), weight))


def full_tensor(tensor: Tensor) -> Tensor:
    """Return a tensor with the shares of all processes, which all call it; one that is not sharded as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sharded_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """Share a tensor out as a weight of its shape is; otherwise return it as it is."""
    if not isinstance(weight, DTensor) or tensor.shape != weight.shape:
        return tensor
    return distribute_tensor(tensor.to(weight.device), weight.device_mesh, weight.placements)
