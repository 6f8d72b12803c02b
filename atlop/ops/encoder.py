"""The layers of `atlop.ops` in an encoder of transformers."""

from torch import nn
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.ops.attention import SUPPORTED, use_packed_attention, uses_packed_attention
from atlop.ops.dropout import Dropout
from atlop.ops.linear import Linear


def use_fast_layers(encoder: PreTrainedModel) -> None:
    """Replace linear and dropout layers, and attention if the encoder's type is supported, in place.

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
    """Compile the layers of an encoder with `torch.compile`, in place.

    Packed tokens are a single dynamic dimension, and attention is excluded, so that each layer is compiled once for
    training and once for evaluation, for all lengths.

    Raises:
        AtlopError: The encoder reads padded inputs, whose many shapes would each be compiled.
    """
    if not uses_packed_attention(encoder):
        model_type, supported = encoder.config.model_type, ", ".join(sorted(SUPPORTED))
        raise AtlopError(
            f"trainer.compile: an encoder of type {model_type!r} cannot be compiled (only {supported}); set it to false"
        )
    use_packed_attention(encoder, compiled=True)
    for layer in encoder.get_submodule("encoder.layer").children():
        layer.compile(dynamic=True)
