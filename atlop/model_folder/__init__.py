from atlop.model_folder.card import FinishedRun, write_card
from atlop.model_folder.encoders import Encoder, load_encoder
from atlop.model_folder.folder import (
    keep_calibration,
    load_model,
    new_model,
    preprocessor_for,
    save_model,
    start_from,
)
from atlop.model_folder.released import classifier_sizes, load_released

__all__ = [
    "Encoder",
    "FinishedRun",
    "classifier_sizes",
    "keep_calibration",
    "load_encoder",
    "load_model",
    "load_released",
    "new_model",
    "preprocessor_for",
    "save_model",
    "start_from",
    "write_card",
]
