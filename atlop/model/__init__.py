from atlop.model.atlop import AtlopModel
from atlop.model.configuration import AtlopConfig
from atlop.model.context import EntityAttention
from atlop.model.heads import HEADS, Head, PairStates
from atlop.model.outputs import LossTerm, PairOutputs
from atlop.model.pooling import POOLINGS

__all__ = [
    "HEADS",
    "POOLINGS",
    "AtlopConfig",
    "AtlopModel",
    "EntityAttention",
    "Head",
    "LossTerm",
    "PairOutputs",
    "PairStates",
]
