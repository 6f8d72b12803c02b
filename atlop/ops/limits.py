"""How much to compute at a time on each device: all that the model knows of devices."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Limits:
    """Maximum sizes of what is computed at a time; results are the same up to rounding."""

    documents: int
    """Documents whose attention is in one padded tensor."""
    entities: int
    """Entities of a document whose attention rows exist at a time in prediction."""
    context: int
    """Size of the attention shared by entities, `[documents, tokens, subjects, objects]`."""
    pairs: int
    """Pairs scored at a time."""
    groups: int
    """Groups of the classifier whose outer products are computed at a time."""
    products: int
    """Elements of all outer products that exist at a time."""


CPU = Limits(documents=1, entities=64, context=2**22, pairs=1536, groups=1, products=2**21)
"""A single document has no padding and fits the CPU's cache."""

GPU = Limits(documents=2**20, entities=2**20, context=2**27, pairs=2**16, groups=2**20, products=2**28)
"""Few and large operations, since each is a kernel launch; 2²⁷ elements take 512 MB in float32."""


def limits_for(device: torch.device) -> Limits:
    """Return the limits of a device."""
    return CPU if device.type == "cpu" else GPU
