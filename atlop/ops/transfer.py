"""Copy results to the host without waiting for the device."""

from collections.abc import Mapping

import torch
from torch import Tensor


class HostCopies:
    """Copies of tensors on the CPU, complete after `wait`; tensors on the CPU are not copied."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        """Start the copies; the tensors, all on one device, are not needed any more."""
        self._tensors, self._done = dict(tensors), None
        if next(iter(tensors.values())).device.type == "cuda":
            for name, tensor in tensors.items():
                pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
                self._tensors[name] = pinned.copy_(tensor, non_blocking=True)
            self._done = torch.cuda.Event()
            self._done.record()

    def wait(self) -> dict[str, Tensor]:
        """Wait for the copies, and return them."""
        if self._done is not None:
            self._done.synchronize()
        return self._tensors
