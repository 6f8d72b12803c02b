from atlop.model_folder.card import FinishedRun, encoder_name, write_card
from atlop.model_folder.encoders import Encoder, load_encoder
from atlop.model_folder.folder import (
    load_model,
    new_model,
    preprocessor_for,
    save_model,
    store_decision,
)
from atlop.model_folder.relations import add_relations
from atlop.model_folder.released import classifier_sizes, load_released
from atlop.model_folder.start import check_start, start_from

__all__ = [
    "Encoder",
    "FinishedRun",
    "add_relations",
    "check_start",
    "classifier_sizes",
    "encoder_name",
    "load_encoder",
    "load_model",
    "load_released",
    "new_model",
    "preprocessor_for",
    "save_model",
    "start_from",
    "store_decision",
    "write_card",
]
