"""Self-attention over packed sequences: one after the other without padding, each attending to itself alone.

No `[heads, tokens, tokens]` matrix outlives its sequence. Localized context pooling reads some rows of the last layers'
weights; these are computed afterwards, from the queries and keys that `Packing` keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from atlop.ops.dropout import dropout as drop
from atlop.ops.dropout import keep_mask

IMPLEMENTATION = "atlop_packed"
"""Name under which transformers knows this attention."""

SUPPORTED = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}
"""Encoders that take it: every token attends to every other, and positions are numbers that can be passed in."""

WEIGHTS_IN_CACHE = 2**19
"""Attention weights that a processor works on at a time: some heads of one sequence."""


class QueryKey(NamedTuple):
    """What a layer's attention weights are computed from."""

    query: Tensor
    """`[heads, tokens, width]`, the sequences one after the other."""
    key: Tensor
    """The same shape."""
    scaling: float
    """Factor of the dot products."""
    dropout: float
    """Share of weights that is dropped, 0 in evaluation."""


@dataclass
class Packing:
    """Where the sequences of one encoder call lie; a class of its own, for the compiler looks into lists."""

    lengths: list[int]
    """Tokens of each sequence."""
    ends: Tensor
    """Where sequences begin and end, int32 `[sequences + 1]`, on the encoder's device."""
    layers_kept: range = range(0)
    """Layers whose queries and keys are kept."""
    kept: dict[int, QueryKey] = field(default_factory=dict)
    """What was kept, by layer."""

    def taken(self) -> list[QueryKey]:
        """Return what was kept and keep no more: layers that are computed again in the backward pass keep nothing."""
        found, self.kept, self.layers_kept = list(self.kept.values()), {}, range(0)
        return found


def use_packed_attention(encoder: PreTrainedModel, *, compiled: bool = False) -> None:
    """Let an encoder of a supported type attend this way, between compiled layers or not; calls then need `packing`."""
    name = f"{IMPLEMENTATION}_uncompiled" if compiled else IMPLEMENTATION
    AttentionInterface.register(name, torch.compiler.disable(_attend) if compiled else _attend)
    AttentionMaskInterface.register(name, lambda *_, **__: None)  # no padding is there to be masked
    encoder.set_attn_implementation(name)


def takes_packed(encoder: PreTrainedModel) -> bool:
    """Return whether `use_packed_attention` was called for an encoder."""
    return str(encoder.config._attn_implementation).startswith(IMPLEMENTATION)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Packing,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers calls it: `[1, heads, tokens, width]` to `[1, tokens, heads, width]`, and no weights."""
    assert attention_mask is None
    layer: Any = module
    if layer.layer_idx in packing.layers_kept:
        packing.kept[layer.layer_idx] = QueryKey(query[0], key[0], scaling=scaling, dropout=dropout)
    output = packed_attention(query[0], key[0], value[0], packing, scaling=scaling, dropout=dropout)
    return output.transpose(0, 1).contiguous()[None], None


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float = 0.0
) -> Tensor:
    """Attend within each sequence, by the fastest kernel of the device.

    Args:
        query: `[heads, tokens, width]`, the sequences one after the other; `key` and `value` alike.
        key: See `query`.
        value: See `query`.
        packing: The sequences.
        scaling: Factor of the dot products.
        dropout: Share of weights that is dropped.

    Returns:
        `[heads, tokens, width]`.
    """
    if query.device.type == "cpu" and (dropout or query.dtype == torch.bfloat16):
        output: Tensor = _CpuAttention.apply(query, key, value, packing.lengths, scaling, dropout)
        return output
    if query.device.type == "cuda" and query.shape[2] % 8 == 0 and query.shape[2] <= 256:
        return _varlen_attention(query, key, value, packing, scaling=scaling, dropout=dropout)
    return plain_attention(query, key, value, packing, scaling=scaling, dropout=dropout)


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float = 0.0
) -> Tensor:
    """Do what `packed_attention` does, sequence by sequence with PyTorch's own attention."""
    sequences = zip(*(states.split(packing.lengths, dim=1) for states in (query, key, value)), strict=True)
    return torch.cat(
        [
            functional.scaled_dot_product_attention(q[None], k[None], v[None], dropout_p=dropout, scale=scaling)[0]
            for q, k, v in sequences
        ],
        dim=1,
    )


def attention_rows(query: Tensor, key: Tensor, *, dropout: float, absent: Tensor | None) -> Tensor:
    """Return the attention weights from some tokens to all of their sequence, after dropout.

    Args:
        query: Scaled queries of the tokens, `[sequences, heads, rows, width]`.
        key: Keys of the sequences, `[sequences, heads, tokens, width]`.
        dropout: Share of weights that is dropped.
        absent: True where a sequence is filled up, `[sequences, tokens]`; `None` where none is.

    Returns:
        `[sequences, heads, rows, tokens]`, at least float32.
    """
    dots = query @ key.transpose(2, 3)
    if absent is not None:
        dots = dots.masked_fill(absent[:, None, None], -torch.inf)
    weights = dots.softmax(dim=-1, dtype=torch.promote_types(dots.dtype, torch.float32))
    return drop(weights, dropout) if dropout else weights


def _varlen_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float
) -> Tensor:
    """Attend with one kernel for all sequences: FlashAttention in half precision, else the memory-efficient one.

    These are the operators that PyTorch's nested tensors call; its public `varlen_attn` has no dropout.
    """
    longest, ends = max(packing.lengths), packing.ends
    q, k, v = (states.transpose(0, 1) for states in (query, key, value))  # [tokens, heads, width]
    is_half = query.dtype in (torch.bfloat16, torch.float16)
    if is_half and torch.cuda.get_device_capability(query.device) >= (8, 0):
        output: Tensor = torch.ops.aten._flash_attention_forward(
            q, k, v, ends, ends, longest, longest, dropout, False, False, scale=scaling
        )[0]
        return output.transpose(0, 1)
    keep = torch.is_grad_enabled()
    output = torch.ops.aten._efficient_attention_forward(
        q[None], k[None], v[None], None, ends, ends, longest, longest, dropout, 0, keep, scale=scaling
    )[0]
    return output[0].transpose(0, 1)


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
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        query, key, value, output, *kept = ctx.saved_tensors
        lengths, scaling, dropout = ctx.settings
        grads = [torch.empty_like(states) for states in (query, key, value)]
        inner = (grad.float() * output.float()).sum(dim=-1, keepdim=True)  # Σ_j weight · its gradient, of each row
        states = query, key, value, grad, inner, *grads
        for keep, (q, k, v, g, row, grad_q, grad_k, grad_v) in _parts(*states, lengths=lengths, kept=kept):
            weights = _weights(q, k, scaling=scaling)
            scaled = g / (1 - dropout)
            grad_weights = _after_dropout(torch.bmm(scaled, v.transpose(1, 2)).float(), keep).sub_(row).mul_(weights)
            grad_dots = grad_weights.to(q.dtype)
            torch.bmm(_after_dropout(weights, keep).to(g.dtype).transpose(1, 2), scaled, out=grad_v)
            torch.bmm(grad_dots, k * scaling, out=grad_q)
            torch.bmm(grad_dots.transpose(1, 2), q * scaling, out=grad_k)
        return *grads, None, None, None


def _parts(
    *states: Tensor, lengths: list[int], kept: list[Tensor]
) -> Iterator[tuple[Tensor | None, tuple[Tensor, ...]]]:
    """Yield what dropout keeps and the states, sequence by sequence, as many heads at a time as stay in the cache."""
    sequences = zip(*(each.split(lengths, dim=1) for each in states), strict=True)
    for number, (length, sequence) in enumerate(zip(lengths, sequences, strict=True)):
        heads = max(1, WEIGHTS_IN_CACHE // length**2)
        for first in range(0, len(states[0]), heads):
            part = slice(first, first + heads)
            yield kept[number][part] if kept else None, tuple(each[part] for each in sequence)


def _after_dropout(weights: Tensor, keep: Tensor | None) -> Tensor:
    """Drop weights in place, without scaling the others up."""
    return weights if keep is None else weights.mul_(keep)


def _weights(query: Tensor, key: Tensor, *, scaling: float) -> Tensor:
    return torch.bmm(query * scaling, key.transpose(1, 2)).softmax(dim=-1, dtype=torch.float32)
