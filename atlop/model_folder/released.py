"""Checkpoints of the authors' released code: plain state dicts with names of their own."""

from pathlib import Path

import torch
from torch import Tensor

from atlop.config import ClassifierConfig
from atlop.errors import AtlopError
from atlop.model.atlop import AtlopModel

_PREFIXES = {
    "model.": "encoder.",
    "head_extractor.": "classifier.subject_projection.",
    "tail_extractor.": "classifier.object_projection.",
    "bilinear.": "classifier.bilinear.",
}
"""Released name -> name here. The outer product is flattened alike: group, subject dimension, object dimension."""

_UNUSED = ("model.embeddings.position_ids", "model.pooler.")
"""A buffer that old versions of transformers saved, and the encoder's layer over `[CLS]`: neither is ever read."""


def classifier_sizes(path: Path) -> ClassifierConfig:
    """Return the sizes of a checkpoint's classifier, or the published ones where it does not tell.

    Raises:
        AtlopError: The file is no state dict.
    """
    released = _read(path)
    try:
        size, products = len(released["head_extractor.weight"]), released["bilinear.weight"].shape[1]
        return ClassifierConfig(representation_size=size, block_size=products // size)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ):  # `load_released` says what is wrong with it
        return ClassifierConfig()


def load_released(model: AtlopModel, path: Path) -> None:
    """Fill a model with the weights of a released checkpoint.

    Args:
        model: A model of the checkpoint's encoder, relations and sizes.
        path: A state dict as `torch.save` writes it; read without unpickling anything but tensors.

    Raises:
        AtlopError: The file is no state dict, or its names or shapes are not those of the model; each is named.
    """
    released = _read(path)
    wanted = {_released_name(name): value for name, value in model.state_dict().items()}
    found = {name: value for name, value in released.items() if not name.startswith(_UNUSED)}
    problems = [f"unknown: {name}" for name in found if name not in wanted]
    problems += [f"missing: {name}" for name in wanted if name not in found]
    problems += [
        f"{name}: shape {list(found[name].shape)}, but the model has {list(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    if problems:
        raise AtlopError(
            f"{path}: does not fit the model; check --encoder and --relations:\n  " + "\n  ".join(problems)
        )
    model.load_state_dict({name: found[_released_name(name)] for name in model.state_dict()})


def _read(path: Path) -> dict[str, Tensor]:
    try:
        released = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise AtlopError(f"{path}: no such file") from None
    except Exception as error:  # torch raises a different type for each way in which a file can be broken
        raise AtlopError(
            f"{path}: not a checkpoint of tensors only ({type(error).__name__}); anything else is not read, "
            "since it could run code"
        ) from None
    if not isinstance(released, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in released.items()
    ):
        raise AtlopError(f"{path}: not a state dict; expected a mapping from names to tensors")
    for name, value in released.items():
        if value.layout is not torch.strided or value.is_quantized:
            raise AtlopError(f"{path}, {name}: is no plain tensor; expected what the released code saves")
        held = value.untyped_storage().nbytes() // value.element_size()
        if max((value.numel(), *value.shape)) > held:  # one number can stand for a shape of any size, and none too
            raise AtlopError(f"{path}, {name}: states {list(value.shape)}, but holds {held} numbers")
    return released


def _released_name(name: str) -> str:
    for theirs, ours in _PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)  # every weight of the model has a released name
