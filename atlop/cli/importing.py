"""What `atlop import-checkpoint` needs besides the model's own reader of released checkpoints."""

import shutil
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from atlop.config import ClassifierConfig
from atlop.model import AtlopModel, save_model


def classifier_sizes(path: Path, *, representation_size: int | None, block_size: int | None) -> ClassifierConfig:
    """Return the given sizes and, for those not given, what the checkpoint's shapes say, else the published ones.

    Args:
        path: State dict of the released code; what is wrong with it, `load_released` says.
        representation_size: Width of the subject's and of the object's representation.
        block_size: Width of one group of the classifier.
    """
    published = ClassifierConfig()
    try:
        released = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        size, products = len(released["head_extractor.weight"]), released["bilinear.weight"].shape[1]
        in_file = ClassifierConfig(representation_size=size, block_size=products // size)
    except Exception:  # as many types as there are ways to be broken; reading it in full tells which
        in_file = published
    return ClassifierConfig(
        representation_size=representation_size or in_file.representation_size,
        block_size=block_size or in_file.block_size,
    )


def save_whole(folder: Path, *, model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write a model folder beside its place, then put it there: it is whole or it is not."""
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        save_model(temporary, model=model, tokenizer=tokenizer)
        if folder.exists():
            folder.rmdir()  # empty, as was made sure of
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
