"""Self-attention over documents laid end to end, and the last layer's weights from the tokens asked for only.

An encoder on this path reads one long input without padding. Attention runs document by document on scaled
dot-product attention, so no `[heads, tokens, tokens]` matrix outlives its document; the rows that localized context
pooling reads are computed afterwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from atlop.model.dropout import Dropout, keep_mask

IMPLEMENTATION = "atlop_end_to_end"
"""Name under which transformers knows this attention."""

SUPPORTED = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}
"""Encoders that take it: every token attends to every other, and positions are numbers that can be passed in."""

WEIGHTS_IN_CACHE = 2**19
"""Attention weights that the processor works on at a time: some heads of one document."""


@dataclass
class EndToEnd:
    """Where the inputs that were laid end to end lie; a class of its own, for the compiler looks into lists."""

    lengths: list[int]
    """Tokens of each input."""


class LastLayer(NamedTuple):
    """What the last layer's weights are computed from."""

    query: Tensor
    """`[heads, tokens, width]`, the inputs one after the other."""
    key: Tensor
    """The same shape."""
    scaling: float
    """Factor of the dot products."""
    dropout: float
    """Share of weights that is dropped, 0 in evaluation."""

    def rows_of_inputs(self, lengths: list[int]) -> list[Callable[[Tensor], Tensor]]:
        """Return what gives the weights from some tokens of each input.

        Args:
            lengths: Tokens of each input.

        Returns:
            Functions from places in the input, int64 `[rows]`, to weights after dropout, `[heads, rows, tokens]`,
            float32. Calling one twice draws dropout twice.
        """
        states = zip(self.query.split(lengths, dim=1), self.key.split(lengths, dim=1), strict=True)
        return [LastLayer(query, key, self.scaling, self.dropout)._rows for query, key in states]

    def _rows(self, tokens: Tensor) -> Tensor:
        query = self.query.index_select(1, tokens) * self.scaling
        dtype = torch.promote_types(query.dtype, torch.float32)
        weights = torch.bmm(query, self.key.transpose(1, 2)).softmax(dim=-1, dtype=dtype)
        return Dropout(self.dropout).forward(weights)


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
) -> tuple[Tensor, LastLayer | None]:
    """Attend within each document (the signature is that of transformers' attention functions).

    Args:
        module: The layer's self-attention.
        query: `[1, heads, tokens, width]`, the documents one after the other; `key` and `value` alike.
        key: See `query`.
        value: See `query`.
        attention_mask: Unused.
        inputs: The documents.
        scaling: Factor of the dot products.
        dropout: Share of weights that is dropped, 0 in evaluation.

    Returns:
        Output `[1, tokens, heads, width]`; in the last layer also what its weights are computed from, in their place.
    """
    assert attention_mask is None
    lengths = inputs.lengths
    if query.device.type == "cpu" and (dropout or query.dtype == torch.bfloat16):
        output = _CpuAttention.apply(query[0], key[0], value[0], lengths, scaling, dropout)[None]
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
    return (
        output.transpose(1, 2).contiguous(),
        LastLayer(query[0], key[0], scaling=scaling, dropout=dropout) if is_last else None,
    )


class _CpuAttention(torch.autograd.Function):
    """Attention for the CPU where torch's own keeps every weight matrix (with dropout) or is slow (in bf16).

    Weights are computed again in the backward pass; only the choice of dropped ones is kept, a byte each.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, lengths: list[int], scaling: float, dropout: float
    ) -> Tensor:
        """Take `[heads, tokens, width]` three times and return the same shape."""
        output = torch.empty_like(query)
        kept = [keep_mask(torch.Size([len(query), length, length]), dropout=dropout) for length in lengths if dropout]
        for keep, (q, k, v, out) in _parts(query, key, value, output, lengths=lengths, kept=kept):
            weights = _weights(q, k, scaling=scaling)
            torch.bmm(_after_dropout(weights, keep).to(v.dtype), v / (1 - dropout), out=out)
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
        for keep, (q, k, v, g, row, to_query, to_key, to_value) in _parts(*states, lengths=lengths, kept=kept):
            weights = _weights(q, k, scaling=scaling)
            scaled = g / (1 - dropout)
            of_weights = _after_dropout(torch.bmm(scaled, v.transpose(1, 2)).float(), keep).sub_(row).mul_(weights)
            of_dots = of_weights.to(q.dtype)
            torch.bmm(_after_dropout(weights, keep).to(g.dtype).transpose(1, 2), scaled, out=to_value)
            torch.bmm(of_dots, k * scaling, out=to_query)
            torch.bmm(of_dots.transpose(1, 2), q * scaling, out=to_key)
        return *gradients, None, None, None


def _parts(
    *states: Tensor, lengths: list[int], kept: list[Tensor]
) -> Iterator[tuple[Tensor | None, tuple[Tensor, ...]]]:
    """Yield what dropout keeps and the states, document by document, as many heads at a time as stay in the cache."""
    of_documents = zip(*(each.split(lengths, dim=1) for each in states), strict=True)
    for document, (length, of_document) in enumerate(zip(lengths, of_documents, strict=True)):
        heads = max(1, WEIGHTS_IN_CACHE // length**2)
        for first in range(0, len(states[0]), heads):
            part = slice(first, first + heads)
            yield kept[document][part] if kept else None, tuple(each[part] for each in of_document)


def _after_dropout(weights: Tensor, keep: Tensor | None) -> Tensor:
    """Drop weights in place, without scaling the others up."""
    return weights if keep is None else weights.mul_(keep)


def _weights(query: Tensor, key: Tensor, *, scaling: float) -> Tensor:
    return torch.bmm(query * scaling, key.transpose(1, 2)).softmax(dim=-1, dtype=torch.float32)
