"""An encoder of transformers with the layers of this room."""

from torch import nn
from transformers import PreTrainedModel

from atlop.ops.attention import SUPPORTED, use_packed_attention
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
