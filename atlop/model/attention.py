"""Self-attention over documents laid end to end, and the last layer's weights at the mentions only.

An encoder on this path reads one long input without padding. Attention runs document by document on scaled
dot-product attention, so no `[heads, tokens, tokens]` matrix outlives its document; the rows that localized context
pooling reads are computed beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from atlop.model.dropout import keep_mask

IMPLEMENTATION = "atlop_end_to_end"
"""Name under which transformers knows this attention."""

SUPPORTED = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}
"""Encoders that take it: every token attends to every other, and positions are numbers that can be passed in."""


@dataclass
class EndToEnd:
    """Where the inputs that were laid end to end lie; a class of its own, for the compiler looks into lists."""

    lengths: list[int]
    """Tokens of each input."""
    mention_rows: Tensor
    """Token of each mention in its input, `[inputs, mentions]`; −1 is padding."""


def use_on(encoder: PreTrainedModel) -> None:
    """Let an encoder of a supported type attend this way."""
    AttentionInterface.register(IMPLEMENTATION, attend)
    AttentionMaskInterface.register(IMPLEMENTATION, _no_mask)
    encoder.set_attn_implementation(IMPLEMENTATION)


def _no_mask(*_: Any, **__: Any) -> None:
    """Nothing needs masking: there is no padding, and documents are told apart by their lengths."""


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    inputs: EndToEnd,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attend within each document (the signature is that of transformers' attention functions).

    Args:
        module: The layer's self-attention.
        query: `[1, heads, tokens, width]`, the documents one after the other; `key` and `value` alike.
        key: See `query`.
        value: See `query`.
        attention_mask: Unused.
        inputs: The documents, and the mentions whose weights are wanted.
        scaling: Factor of the dot products.
        dropout: Share of weights that is dropped, 0 in evaluation.

    Returns:
        Output `[1, tokens, heads, width]`; in the last layer also `[documents, mentions, heads, tokens]`.
    """
    assert attention_mask is None
    lengths = inputs.lengths
    if dropout and query.device.type == "cpu":
        output = _CpuDropoutAttention.apply(query[0], key[0], value[0], lengths, scaling, dropout)[None]
    else:
        output = torch.cat(
            [
                functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
                for q, k, v in zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True)
            ],
            dim=2,
        )
    layer: Any = module
    is_last = layer.layer_idx == layer.config.num_hidden_layers - 1
    rows = _rows(query[0], key[0], lengths, inputs.mention_rows, scaling=scaling) if is_last else None
    if rows is not None and dropout:
        rows = functional.dropout(rows, p=dropout)
    return output.transpose(1, 2).contiguous(), rows


def _rows(query: Tensor, key: Tensor, lengths: list[int], mention_rows: Tensor, *, scaling: float) -> Tensor:
    """Return the attention of the mentions' tokens only, `[documents, mentions, heads, tokens]`, zeros at padding."""
    longest = max(lengths)
    rows = []
    for of_query, of_key, tokens in zip(
        query.split(lengths, dim=1), key.split(lengths, dim=1), mention_rows.clamp(min=0), strict=True
    ):
        dots = of_query.index_select(1, tokens) @ of_key.transpose(1, 2) * scaling  # [heads, mentions, tokens]
        weights = dots.softmax(dim=-1, dtype=torch.float32)
        rows.append(functional.pad(weights, (0, longest - weights.shape[-1])))
    return torch.stack(rows).transpose(1, 2)


WEIGHTS_IN_CACHE = 2**20
"""Attention weights that the processor works on at a time: some heads of one document."""


class _CpuDropoutAttention(torch.autograd.Function):
    """Attention with dropout for the CPU, where torch's own would keep every weight matrix.

    Weights are computed again in the backward pass; only the choice of dropped ones is kept, a byte each.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, lengths: list[int], scaling: float, dropout: float
    ) -> Tensor:
        """Take `[heads, tokens, width]` three times and return the same shape."""
        output = torch.empty_like(query)
        kept = [keep_mask(torch.Size([len(query), length, length]), dropout=dropout) for length in lengths]
        for q, k, v, out, keep in _parts(query, key, value, output, lengths=lengths, kept=kept):
            weights = _weights(q, k, scaling=scaling)
            torch.bmm(weights.mul_(keep).to(v.dtype), v / (1 - dropout), out=out)
        ctx.save_for_backward(query, key, value, output, *kept)
        ctx.settings = lengths, scaling, dropout
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        query, key, value, output, *kept = ctx.saved_tensors
        lengths, scaling, dropout = ctx.settings
        gradients = [torch.empty_like(states) for states in (query, key, value)]
        inner = (gradient.float() * output.float()).sum(dim=-1, keepdim=True)  # Σ_j of weight · its gradient, per row
        states = query, key, value, gradient, inner, *gradients
        for q, k, v, g, row, to_query, to_key, to_value, keep in _parts(*states, lengths=lengths, kept=kept):
            weights = _weights(q, k, scaling=scaling)
            scaled = g / (1 - dropout)
            of_weights = torch.bmm(scaled, v.transpose(1, 2)).float().mul_(keep).sub_(row).mul_(weights)
            of_dots = of_weights.to(q.dtype)
            torch.bmm(weights.mul_(keep).to(g.dtype).transpose(1, 2), scaled, out=to_value)
            torch.bmm(of_dots, k * scaling, out=to_query)
            torch.bmm(of_dots.transpose(1, 2), q * scaling, out=to_key)
        return *gradients, None, None, None


def _parts(*states: Tensor, lengths: list[int], kept: list[Tensor]) -> Iterator[tuple[Tensor, ...]]:
    """Yield document by document, and as many heads at a time as stay in the cache, states and what dropout keeps."""
    for *of_document, keep in zip(*(each.split(lengths, dim=1) for each in states), kept, strict=True):
        heads = max(1, WEIGHTS_IN_CACHE // keep[0].numel())
        yield from zip(*(each.split(heads) for each in (*of_document, keep)), strict=True)


def _weights(query: Tensor, key: Tensor, *, scaling: float) -> Tensor:
    return torch.bmm(query * scaling, key.transpose(1, 2)).softmax(dim=-1, dtype=torch.float32)
