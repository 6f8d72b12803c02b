"""Run the encoder: windows to hidden states and attention (paper, 'Encoder')."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.ops import EncoderRun, Packing, QueryKey, attention_rows, run_packed, uses_packed_attention
from atlop.preprocessing import Batch, DocumentGroup

AttentionRows: TypeAlias = Callable[[Tensor], Tensor]
"""Computes the attention of some tokens of each window, `[windows, rows]`, to all tokens of the window, after dropout
and averaged over layers: `[windows, heads, rows, window tokens]`, at least float32; zeros at padding."""

EncoderAttention: TypeAlias = Callable[[DocumentGroup], AttentionRows]
"""Returns the `AttentionRows` of the windows of a group."""


def encode(
    encoder: PreTrainedModel,
    batch: Batch,
    *,
    padding: int,
    layers_averaged: int = 1,
    with_attention: bool,
    run: EncoderRun = run_packed,
) -> tuple[Tensor, EncoderAttention | None]:
    """Run the encoder on all windows of a batch.

    Args:
        encoder: Any encoder of transformers.
        batch: The documents.
        padding: Padding token id, for encoders that cannot read packed windows.
        layers_averaged: Number of last layers whose states and attention are averaged; 1 is published.
        with_attention: Whether to return attention.
        run: Runs an encoder that reads packed windows.

    Returns:
        Hidden states of all windows, `[tokens, width]`, and their attention.

    Raises:
        AtlopError: The encoder does not return attention as matrices `[heads, tokens, tokens]`.
    """
    if uses_packed_attention(encoder):
        count = encoder.config.num_hidden_layers
        kept = range(count - layers_averaged if with_attention else count, count)
        packing = Packing(list(batch.window_lengths), batch.window_boundaries, layers_kept=kept)
        states = run(encoder, batch.input_ids, batch.position_ids, packing, layers_averaged)
        attentions = [partial(_packed_rows, layer) for layer in states.kept]
        return _mean(states.hidden), partial(_mean_rows, attentions) if with_attention else None
    return _run_padded(encoder, batch, padding=padding, layers=layers_averaged, with_attention=with_attention)


def document_states(hidden: Tensor, batch: Batch) -> Tensor:
    """Merge the states of packed windows into padded documents; states are averaged where windows overlap.

    Args:
        hidden: `[tokens, width]`.
        batch: The batch.

    Returns:
        `[documents, padded_length, width]`; zeros at padding.
    """
    documents, past_end = len(batch.lengths), len(batch.lengths) * batch.padded_length
    if len(batch.window_lengths) == documents == 1:
        return hidden[None]
    index = batch.padded_document_indices
    states = hidden.new_zeros(past_end + 1, hidden.shape[1]).index_add(0, index, hidden)
    if len(batch.window_lengths) > documents:
        counts = hidden.new_zeros(past_end + 1).index_add(0, index, hidden.new_ones(len(hidden)))
        states = states / counts.clamp(min=1)[:, None]
    return states[:past_end].view(documents, batch.padded_length, -1)


def _run_padded(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers: int, with_attention: bool
) -> tuple[Tensor, EncoderAttention | None]:
    """Run windows padded to the longest, for encoders that cannot read packed ones."""
    windows, tokens = len(batch.window_lengths), max(batch.window_lengths)
    flat = batch.input_ids.new_full((windows * tokens,), padding)
    input_ids = flat.index_copy(0, batch.padded_window_indices.long(), batch.input_ids).view(windows, tokens)
    mask = torch.arange(tokens, device=input_ids.device) < batch.window_boundaries.diff()[:, None]
    output = encoder(
        input_ids.long(), attention_mask=mask.long(), output_attentions=with_attention, output_hidden_states=layers > 1
    )
    if with_attention and {weights.shape[2:] for weights in output.attentions or ()} != {(tokens, tokens)}:
        raise AtlopError(
            f"encoder {encoder.config.model_type!r} returns no attention of all tokens to all tokens, which localized "
            'context pooling needs; choose an encoder such as BERT, RoBERTa or DeBERTa, or pooling.context = "none"'
        )
    last = [output.last_hidden_state] if layers == 1 else output.hidden_states[-layers:]
    hidden = _mean(last).flatten(end_dim=1).index_select(0, batch.padded_window_indices)
    attentions = [partial(_padded_rows, weights) for weights in (output.attentions or ())[-layers:]]
    return hidden, partial(_mean_rows, attentions) if with_attention else None


def _mean_rows(attentions: Sequence[EncoderAttention], group: DocumentGroup) -> AttentionRows:
    """Average the attention of several layers."""
    layers = [attention(group) for attention in attentions]
    return lambda tokens: _mean([rows(tokens) for rows in layers])


def _packed_rows(layer: QueryKey, group: DocumentGroup) -> AttentionRows:
    """Compute attention rows from the queries and keys of packed windows."""
    key, mask = group.pad(layer.key.transpose(0, 1)).transpose(1, 2), group.padding_mask
    key = key if mask is None else key.contiguous()  # [windows, heads, window tokens, width]

    def rows(tokens: Tensor) -> Tensor:
        query = layer.query.index_select(1, tokens.flatten()) * layer.scaling
        query = query.unflatten(1, tokens.shape).transpose(0, 1)  # [windows, heads, rows, width]
        return attention_rows(query, key, dropout=layer.dropout, padding_mask=mask)

    return rows


def _padded_rows(weights: Tensor, group: DocumentGroup) -> AttentionRows:
    """Select attention rows from the weights that an encoder returned, `[windows, heads, tokens, tokens]`."""
    weights = weights[group.window_slice]
    windows, heads, length, _ = weights.shape
    offsets = torch.arange(windows * heads, device=weights.device).view(windows, heads, 1) * length

    def rows(tokens: Tensor) -> Tensor:
        positions = (tokens - group.window_starts[:, None]).clamp(min=0)
        selected = weights.flatten(end_dim=2).index_select(0, (offsets + positions[:, None]).flatten())
        selected = selected.view(windows, heads, -1, length)[..., : group.padded_window_length]
        return selected.to(torch.promote_types(selected.dtype, torch.float32))

    return rows


def _mean(layers: Sequence[Tensor]) -> Tensor:
    return layers[0] if len(layers) == 1 else torch.stack(list(layers)).mean(dim=0)
