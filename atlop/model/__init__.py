from atlop.model.atlop import AtlopModel
from atlop.model.compilation import compile_layers
from atlop.model.configuration import AtlopConfig
from atlop.model.outputs import LossTerm, PairOutputs
from atlop.model.pooling import context_weights
from atlop.model.reader import AttentionReader

__all__ = [
    "AtlopConfig",
    "AtlopModel",
    "AttentionReader",
    "LossTerm",
    "PairOutputs",
    "compile_layers",
    "context_weights",
]
