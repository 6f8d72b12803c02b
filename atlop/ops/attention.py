"""Self-attention over packed sequences, each of which attends only to itself.

`[heads, tokens, tokens]` matrices exist for one sequence at a time. Localized context pooling reads a few rows of the
last layers' weights; these are recomputed from the queries and keys that `Packing` keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from atlop.ops.dropout import dropout as drop
from atlop.ops.dropout import dropout_mask

IMPLEMENTATION = "atlop_packed"
"""Name of this attention in transformers."""

SUPPORTED = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}
"""Encoders that can use it: all tokens attend to all others, and position ids can be passed in."""

MAX_WEIGHTS_PER_CHUNK = 2**19
"""Maximum number of attention weights computed at a time on the CPU, to fit its cache: some heads of one sequence."""


class QueryKey(NamedTuple):
    """Queries and keys of a layer, from which its attention weights can be computed."""

    query: Tensor
    """`[heads, tokens, width]`, packed."""
    key: Tensor
    """The same shape."""
    scaling: float
    """Factor of the dot products."""
    dropout: float
    """Dropout probability, 0 in evaluation."""


@dataclass
class Packing:
    """The packed sequences of an encoder call."""

    lengths: list[int]
    """Tokens of each sequence."""
    boundaries: Tensor
    """Boundaries of the sequences, int32 `[sequences + 1]`, on the encoder's device."""
    layers_kept: range = range(0)
    """Layers whose queries and keys are kept."""
    kept: dict[int, QueryKey] = field(default_factory=dict)
    """Kept queries and keys by layer."""

    def pop_kept(self) -> list[QueryKey]:
        """Return the kept queries and keys, and keep no more: recomputation in the backward pass must not."""
        kept, self.kept, self.layers_kept = list(self.kept.values()), {}, range(0)
        return kept


def use_packed_attention(encoder: PreTrainedModel) -> None:
    """Install this attention in an encoder, whose calls then need `packing`."""
    AttentionInterface.register(IMPLEMENTATION, _attend)
    AttentionMaskInterface.register(IMPLEMENTATION, lambda *_, **__: None)  # there is no padding
    encoder.set_attn_implementation(IMPLEMENTATION)


def uses_packed_attention(encoder: PreTrainedModel) -> bool:
    """Return whether `use_packed_attention` was called for an encoder."""
    return bool(encoder.config._attn_implementation == IMPLEMENTATION)


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
    """Attend as transformers expects: `[1, heads, tokens, width]` to `[1, tokens, heads, width]`, without weights."""
    assert attention_mask is None
    layer: Any = module
    if layer.layer_idx in packing.layers_kept:
        packing.kept[layer.layer_idx] = QueryKey(query[0], key[0], scaling=scaling, dropout=dropout)
    output = packed_attention(query[0], key[0], value[0], packing, scaling=scaling, dropout=dropout)
    return output.transpose(0, 1).contiguous()[None], None


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float = 0.0
) -> Tensor:
    """Attend within each sequence with the fastest kernel of the device.

    Args:
        query: `[heads, tokens, width]`, packed.
        key: The same shape.
        value: The same shape.
        packing: The sequences.
        scaling: Factor of the dot products.
        dropout: Dropout probability.

    Returns:
        `[heads, tokens, width]`.
    """
    if query.device.type == "cpu" and (dropout or query.dtype == torch.bfloat16):
        output: Tensor = _CpuAttention.apply(query, key, value, packing.lengths, scaling, dropout)
        return output
    if query.device.type == "cuda" and has_varlen_kernel(query.shape[2]):
        return _varlen_attention(query, key, value, packing, scaling=scaling, dropout=dropout)
    return plain_attention(query, key, value, packing, scaling=scaling, dropout=dropout)


def has_varlen_kernel(width: int) -> bool:
    """Return whether a GPU has one kernel for all sequences if heads have such a width.

    Only it reads `Packing.boundaries`, which a CUDA graph may change; others read `Packing.lengths`.
    """
    return width % 8 == 0 and width <= 256


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float = 0.0
) -> Tensor:
    """Do what `packed_attention` does, one sequence at a time with PyTorch's own attention."""
    sequences = zip(*(states.split(packing.lengths, dim=1) for states in (query, key, value)), strict=True)
    return torch.cat(
        [
            functional.scaled_dot_product_attention(q[None], k[None], v[None], dropout_p=dropout, scale=scaling)[0]
            for q, k, v in sequences
        ],
        dim=1,
    )


def attention_rows(query: Tensor, key: Tensor, *, dropout: float, padding_mask: Tensor | None) -> Tensor:
    """Return the attention weights of some tokens over their sequence, after dropout.

    Args:
        query: Scaled queries of the tokens, `[sequences, heads, rows, width]`.
        key: Keys of the sequences, `[sequences, heads, tokens, width]`.
        dropout: Dropout probability.
        padding_mask: True at padding, bool `[sequences, tokens]`; `None` without padding.

    Returns:
        `[sequences, heads, rows, tokens]`, at least float32.
    """
    dots = query @ key.transpose(2, 3)
    if padding_mask is not None:
        dots = dots.masked_fill(padding_mask[:, None, None], -torch.inf)
    weights = dots.softmax(dim=-1, dtype=torch.promote_types(dots.dtype, torch.float32))
    return drop(weights, dropout) if dropout else weights


def _varlen_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float
) -> Tensor:
    """Attend in one kernel for all sequences: FlashAttention in half precision, else memory-efficient attention.

    PyTorch's nested tensors use both operators; the public `varlen_attn` has no dropout.
    """
    longest, bounds = max(packing.lengths), packing.boundaries
    q, k, v = (states.transpose(0, 1) for states in (query, key, value))  # [tokens, heads, width]
    is_half = query.dtype in (torch.bfloat16, torch.float16)
    if is_half and _has_flash_attention(query.device):
        output: Tensor = torch.ops.aten._flash_attention_forward(
            q, k, v, bounds, bounds, longest, longest, dropout, False, False, scale=scaling
        )[0]
        return output.transpose(0, 1)
    keep = torch.is_grad_enabled()
    output = torch.ops.aten._efficient_attention_forward(
        q[None], k[None], v[None], None, bounds, bounds, longest, longest, dropout, 0, keep, scale=scaling
    )[0]
    return output[0].transpose(0, 1)


@cache
def _has_flash_attention(device: torch.device) -> bool:
    """Return whether PyTorch's FlashAttention runs on a GPU; asked for each layer of each step."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


class _CpuAttention(torch.autograd.Function):
    """CPU attention with dropout, where torch keeps every weight matrix, or in bf16, where torch is slow.

    The backward pass recomputes the weights; only the dropout mask is kept, one byte per weight.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, lengths: list[int], scaling: float, dropout: float
    ) -> Tensor:
        """Attend; shapes are those of `packed_attention`."""
        output = torch.empty_like(query)
        masks = [dropout_mask(torch.Size([len(query), n, n]), dropout=dropout) for n in lengths if dropout]
        for mask, (q, k, v, out) in _head_chunks(query, key, value, output, lengths=lengths, masks=masks):
            weights = _weights(q, k, scaling=scaling)
            torch.bmm(_drop(weights, mask).to(v.dtype), v / (1 - dropout), out=out)
        ctx.save_for_backward(query, key, value, output, *masks)
        ctx.settings = lengths, scaling, dropout
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        query, key, value, output, *masks = ctx.saved_tensors
        lengths, scaling, dropout = ctx.settings
        grads = [torch.empty_like(states) for states in (query, key, value)]
        inner = (grad.float() * output.float()).sum(dim=-1, keepdim=True)  # Σ weight · gradient of each row
        states = query, key, value, grad, inner, *grads
        for mask, (q, k, v, g, row, grad_q, grad_k, grad_v) in _head_chunks(*states, lengths=lengths, masks=masks):
            weights = _weights(q, k, scaling=scaling)
            scaled = g / (1 - dropout)
            grad_weights = _drop(torch.bmm(scaled, v.transpose(1, 2)).float(), mask).sub_(row).mul_(weights)
            grad_dots = grad_weights.to(q.dtype)
            torch.bmm(_drop(weights, mask).to(g.dtype).transpose(1, 2), scaled, out=grad_v)
            torch.bmm(grad_dots, k * scaling, out=grad_q)
            torch.bmm(grad_dots.transpose(1, 2), q * scaling, out=grad_k)
        return *grads, None, None, None


def _head_chunks(
    *states: Tensor, lengths: list[int], masks: list[Tensor]
) -> Iterator[tuple[Tensor | None, tuple[Tensor, ...]]]:
    """Yield the dropout mask and the states of each sequence, in chunks of heads that fit the cache."""
    sequences = zip(*(tensor.split(lengths, dim=1) for tensor in states), strict=True)
    for index, (length, sequence) in enumerate(zip(lengths, sequences, strict=True)):
        heads = max(1, MAX_WEIGHTS_PER_CHUNK // length**2)
        for first in range(0, len(states[0]), heads):
            chunk = slice(first, first + heads)
            yield masks[index][chunk] if masks else None, tuple(tensor[chunk] for tensor in sequence)


def _drop(weights: Tensor, mask: Tensor | None) -> Tensor:
    """Drop weights in place, without scaling up the others."""
    return weights if mask is None else weights.mul_(mask)


def _weights(query: Tensor, key: Tensor, *, scaling: float) -> Tensor:
    return torch.bmm(query * scaling, key.transpose(1, 2)).softmax(dim=-1, dtype=torch.float32)
