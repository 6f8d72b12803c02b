from atlop.model.atlop import AtlopModel
from atlop.model.card import FinishedRun, write_card
from atlop.model.compilation import compile_layers
from atlop.model.configuration import AtlopConfig
from atlop.model.folder import (
    document_encoder,
    encoder_tokenizer,
    keep_calibration,
    load_model,
    new_model,
    save_model,
    start_from,
)
from atlop.model.pooling import context_weights
from atlop.model.reader import AttentionReader
from atlop.model.released import classifier_sizes, load_released

__all__ = [
    "AtlopConfig",
    "AtlopModel",
    "AttentionReader",
    "FinishedRun",
    "classifier_sizes",
    "compile_layers",
    "context_weights",
    "document_encoder",
    "encoder_tokenizer",
    "keep_calibration",
    "load_model",
    "load_released",
    "new_model",
    "save_model",
    "start_from",
    "write_card",
]
