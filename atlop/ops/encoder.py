"""An encoder of transformers with the layers of this room."""

from torch import nn
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.ops.attention import SUPPORTED, takes_packed, use_packed_attention
from atlop.ops.dropout import Dropout
from atlop.ops.linear import Linear


def use_fast_layers(encoder: PreTrainedModel) -> None:
    """Replace attention, where the encoder's type is supported, and every plain linear and dropout layer, in place.

    Parameters stay the same objects.
    """
    if encoder.config.model_type in SUPPORTED:
        use_packed_attention(encoder)
    for parent in list(encoder.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                layer = Linear(child.in_features, child.out_features, bias=child.bias is not None, device="meta")
                layer.weight, layer.bias = child.weight, child.bias
                parent.register_module(name, layer)
            elif type(child) is nn.Dropout:
                parent.register_module(name, Dropout(child.p))


def compile_layers(encoder: PreTrainedModel) -> None:
    """Let `torch.compile` make kernels for the layers of an encoder, in place.

    Tokens are one dimension of unknown size, and attention stays as it is, so that a training compiles each layer once
    for training and once for evaluation, whatever lengths come.

    Raises:
        AtlopError: The encoder is of a type that reads padded inputs, whose many shapes would each be compiled.
    """
    if not takes_packed(encoder):
        kind, known = encoder.config.model_type, ", ".join(sorted(SUPPORTED))
        raise AtlopError(
            f"trainer.compile: an encoder of type {kind!r} cannot be compiled (only {known}); set it to false"
        )
    use_packed_attention(encoder, compiled=True)
    for layer in encoder.get_submodule("encoder.layer").children():
        layer.compile(dynamic=True)
