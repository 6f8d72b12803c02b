"""Checkpoints of the authors' released code: state dicts with other names."""

from pathlib import Path

import torch
from torch import Tensor

from atlop.config import ClassifierConfig
from atlop.errors import AtlopError, listed_lines
from atlop.files import reading
from atlop.model.atlop import AtlopModel

_PREFIXES = {
    "model.": "encoder.",
    "head_extractor.": "classifier.subject_projection.",
    "tail_extractor.": "classifier.object_projection.",
    "bilinear.": "classifier.bilinear.",
}
"""Released prefix -> prefix here. Both flatten the outer product as (group, subject dim, object dim)."""

_UNUSED = ("model.embeddings.position_ids", "model.pooler.")
"""A buffer that old versions of transformers save, and the pooler: neither is used."""

_ANCHOR = "head_extractor.weight"
"""A name that every released checkpoint has."""


def classifier_sizes(path: Path) -> ClassifierConfig:
    """Return the sizes of a checkpoint's classifier, or the published ones if they cannot be determined.

    Raises:
        AtlopError: The file is not a state dict.
    """
    released = _read(path)
    try:
        size, products = len(released["head_extractor.weight"]), released["bilinear.weight"].shape[1]
        return ClassifierConfig(representation_size=size, block_size=products // size)
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):  # `load_released` reports the problem
        return ClassifierConfig()


def load_released(model: AtlopModel, path: Path) -> None:
    """Load the weights of a released checkpoint into a model.

    Args:
        model: A model with the checkpoint's encoder, relations and sizes.
        path: A state dict saved by `torch.save`; only tensors are unpickled.

    Raises:
        AtlopError: The file is not a state dict, or names or shapes differ from the model's; the first are named.
    """
    released = _read(path)
    expected = {_released_name(name): value for name, value in model.state_dict().items()}
    found = {name: value for name, value in released.items() if not name.startswith(_UNUSED)}
    unknown = [f"unknown: {name}" for name in found if name not in expected]
    missing = [f"missing: {name}" for name in expected if name not in found]
    misshapen = [
        f"{name}: shape {list(found[name].shape)}, but the model has {list(value.shape)}"
        for name, value in expected.items()
        if name in found and found[name].shape != value.shape
    ]
    if problems := listed_lines(unknown, missing, misshapen):
        raise AtlopError(f"{path}: does not match the model; check --encoder and --relations:{problems}")
    model.load_state_dict({name: found[_released_name(name)] for name in model.state_dict()})


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with reading(path):
            released = torch.load(path, map_location="cpu", weights_only=True)
    except AtlopError:
        raise
    except Exception as error:  # torch raises a different type for every kind of damage
        raise AtlopError(
            f"{path}: not a checkpoint of tensors only ({type(error).__name__}); anything else is refused, "
            "since it could run code"
        ) from None
    if not isinstance(released, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in released.items()
    ):
        raise AtlopError(f"{path}: not a state dict; expected a mapping from names to tensors")
    for name, value in released.items():
        if value.layout is not torch.strided or value.is_quantized:
            raise AtlopError(f"{path}, {name}: is not a dense tensor; expected a checkpoint of the released code")
        stored = value.untyped_storage().nbytes() // value.element_size()
        if max((value.numel(), *value.shape)) > stored:  # an expanded or empty tensor can claim any shape
            raise AtlopError(f"{path}, {name}: has shape {list(value.shape)}, but stores {stored} numbers")
    return _without_prefix(released)


def _without_prefix(released: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off the prefix that a wrapper around the model gave to all names, such as `module.` of `DataParallel`."""
    prefix = next((name.removesuffix(_ANCHOR) for name in released if name.endswith(_ANCHOR)), "")
    if not all(name.startswith(prefix) for name in released):
        return released
    return {name.removeprefix(prefix): value for name, value in released.items()}


def _released_name(name: str) -> str:
    for theirs, ours in _PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)  # every weight of the model has a released name
