"""The encoder's layers compiled, once for documents of any length."""

from atlop.errors import AtlopError
from atlop.model.atlop import AtlopModel
from atlop.ops import attention


def compile_layers(model: AtlopModel) -> None:
    """Let `torch.compile` make kernels for the layers of the encoder, in place.

    Tokens are one dimension of unknown size, and attention stays as it is, so that a training compiles each layer once
    for training and once for evaluation, whatever lengths come.

    Raises:
        AtlopError: The encoder is of a type that reads padded inputs, whose many shapes would each be compiled.
    """
    if not attention.takes_packed(model.encoder):
        known = ", ".join(sorted(attention.SUPPORTED))
        raise AtlopError(
            f"trainer.compile: an encoder of type {model.encoder.config.model_type!r} cannot be compiled (only "
            f"{known}); set it to false"
        )
    attention.leave_uncompiled()
    for layer in model.encoder.get_submodule("encoder.layer").children():
        layer.compile(dynamic=True)
