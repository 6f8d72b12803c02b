"""How much to compute at a time on each device: all that the model knows of devices."""

from dataclasses import dataclass, replace

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
    batch_tokens: int
    """Tokens of a batch in prediction, documents padded to the longest; a longer document is alone."""
    captures: bool
    """Whether launching kernels takes so long that an encoder's passes are captured for training."""


CPU = Limits(
    documents=1,
    entities=64,
    context=2**22,
    pairs=1536,
    groups=1,
    products=2**21,
    batch_tokens=2**11,
    captures=False,
)
"""A single document has no padding and fits the CPU's cache."""

GPU = Limits(
    documents=2**20,
    entities=2**20,
    context=2**27,
    pairs=2**16,
    groups=2**20,
    products=2**28,
    batch_tokens=2**15,
    captures=True,
)
"""Few and large operations, since each is a kernel launch; 2²⁷ elements take 512 MB in float32."""


def limits_for(device: torch.device) -> Limits:
    """Return the limits of a device."""
    if device.type == "cpu":
        return CPU
    return GPU if device.type == "cuda" else replace(GPU, captures=False)
