"""Encoders of transformers with the layers of `atlop.ops`, and their pass over packed sequences."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from torch import Tensor, nn
from transformers import PreTrainedModel

from atlop.ops.attention import SUPPORTED, Packing, QueryKey, use_packed_attention
from atlop.ops.dropout import Dropout
from atlop.ops.linear import Linear


class EncoderStates(NamedTuple):
    """What a pass of an encoder over packed sequences returns."""

    hidden: list[Tensor]
    """Hidden states of the last layers, `[tokens, width]` each."""
    kept: list[QueryKey]
    """Queries and keys of the layers that the packing keeps."""


EncoderRun: TypeAlias = Callable[[PreTrainedModel, Tensor, Tensor, Packing, int], EncoderStates]
"""`run_packed`, or what does the same faster."""


def run_packed(
    encoder: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, packing: Packing, layers: int
) -> EncoderStates:
    """Run an encoder with packed attention.

    Args:
        encoder: `use_packed_attention` was called for it.
        input_ids: Token ids, int `[tokens]`.
        position_ids: Position of each token in its sequence, with the encoder's offset, int `[tokens]`.
        packing: The sequences.
        layers: Number of last layers whose hidden states are returned.
    """
    output = encoder(input_ids[None], position_ids=position_ids[None], packing=packing, output_hidden_states=layers > 1)
    last = [output.last_hidden_state] if layers == 1 else output.hidden_states[-layers:]
    return EncoderStates([states[0] for states in last], packing.pop_kept())


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
