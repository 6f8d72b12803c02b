"""How much a device takes at a time: all that the model has to know of it."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Limits:
    """Sizes up to which things are computed together. Results do not depend on them, but for rounding."""

    documents: int
    """Documents whose attention lies in one padded table."""
    entities: int
    """Entities of a document whose attention rows exist at the same time in prediction."""
    context: int
    """Entries `[documents, tokens, subjects, objects]` of the attention that two entities share."""
    pairs: int
    """Pairs that are scored together."""
    groups: int
    """Groups of the classifier whose outer products are made together."""
    products: int
    """Outer products that exist at the same time."""


CPU = Limits(documents=1, entities=64, context=2**22, pairs=1536, groups=1, products=2**21)
"""One document has no padding, and what belongs to it stays in the processor's cache."""

GPU = Limits(documents=2**20, entities=2**20, context=2**27, pairs=2**16, groups=2**20, products=2**28)
"""Few and large operations, for each costs the host a launch: a table of 2²⁷ entries takes 512 MB in float32."""


def limits_for(device: torch.device) -> Limits:
    """Return the limits of a device."""
    return CPU if device.type == "cpu" else GPU
