"""The devices that tests of kernels and of the model run on."""

import pytest
import torch

needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and there is none"),
]
DEVICES = [pytest.param("cpu"), pytest.param("cuda", marks=needs_gpu)]
each_device = pytest.mark.parametrize("device", DEVICES)
