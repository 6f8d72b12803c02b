"""The encoder's layers compiled, once for documents of any length."""

import torch
from transformers import AttentionInterface

from atlop.errors import AtlopError
from atlop.model import attention
from atlop.model.atlop import AtlopModel


def compile_layers(model: AtlopModel) -> None:
    """Let `torch.compile` make kernels for the layers of the encoder, in place.

    Tokens are one dimension of unknown size, and attention stays as it is, so that a training compiles each layer once
    for training and once for evaluation, whatever lengths come.

    Raises:
        AtlopError: The encoder is of a type that reads padded inputs, whose many shapes would each be compiled.
    """
    kind = model.encoder.config.model_type
    if kind not in attention.SUPPORTED:
        known = ", ".join(sorted(attention.SUPPORTED))
        raise AtlopError(
            f"trainer.compile: an encoder of type {kind!r} cannot be compiled (only {known}); set it to false"
        )
    AttentionInterface.register(attention.IMPLEMENTATION, torch.compiler.disable(attention.attend))
    for layer in model.encoder.get_submodule("encoder.layer").children():
        layer.compile(dynamic=True)
