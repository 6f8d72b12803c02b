from transformers import AutoConfig, AutoModel

from atlop.model.atlop import AtlopModel
from atlop.model.classifier import LabelClassifier
from atlop.model.configuration import AtlopConfig
from atlop.model.context import CONTEXT_EPSILON, EntityAttention
from atlop.model.head import Head, HeadConfig, PairStates
from atlop.model.heads import HEADS
from atlop.model.outputs import LossTerm, PairOutputs
from atlop.model.pooling import POOLINGS

AutoConfig.register(AtlopConfig.model_type, AtlopConfig, exist_ok=True)
AutoModel.register(AtlopConfig, AtlopModel, exist_ok=True)

__all__ = [
    "CONTEXT_EPSILON",
    "HEADS",
    "POOLINGS",
    "AtlopConfig",
    "AtlopModel",
    "EntityAttention",
    "Head",
    "HeadConfig",
    "LabelClassifier",
    "LossTerm",
    "PairOutputs",
    "PairStates",
]
