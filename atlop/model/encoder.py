"""Windows to hidden states and attention (paper, 'Encoder')."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.ops import Packing, QueryKey, attention_rows, takes_packed
from atlop.preprocessing import Batch, Group

Rows: TypeAlias = Callable[[Tensor], Tensor]
"""Gives the attention from some tokens of each window, `[windows, readings]`, after dropout and averaged over layers:
`[windows, heads, readings, window tokens]`, at least float32; zeros where a window is filled up."""

AttentionOf: TypeAlias = Callable[[Group], Rows]
"""Gives that of the windows of a group."""


def encode(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers_averaged: int = 1, with_attention: bool
) -> tuple[Tensor, AttentionOf | None]:
    """Run the encoder over all windows of a batch.

    Args:
        encoder: Any encoder; one that returns attention where that is asked for.
        batch: The documents.
        padding: Token id that fills up shorter windows.
        layers_averaged: Last layers whose states and attention are averaged; 1 is published.
        with_attention: Whether the attention is wanted.

    Returns:
        Hidden states of all windows, `[tokens, width]`, and their attention.

    Raises:
        AtlopError: Attention is wanted, and the encoder gives none.
    """
    if takes_packed(encoder):
        return _run_packed(encoder, batch, layers=layers_averaged, with_attention=with_attention)
    return _run_padded(encoder, batch, padding=padding, layers=layers_averaged, with_attention=with_attention)


def document_states(hidden: Tensor, batch: Batch) -> Tensor:
    """Put the states of packed windows into the grid of documents, averaged where windows overlap.

    Args:
        hidden: `[tokens, width]`.
        batch: The batch.

    Returns:
        `[documents, grid width, width]`; zeros at padding.
    """
    documents, borrowed = len(batch.lengths), len(batch.lengths) * batch.width
    if len(batch.window_lengths) == documents == 1:
        return hidden[None]
    states = hidden.new_zeros(borrowed + 1, hidden.shape[1]).index_add(0, batch.cells, hidden)
    if len(batch.window_lengths) > documents:
        counts = hidden.new_zeros(borrowed + 1).index_add(0, batch.cells, hidden.new_ones(len(hidden)))
        states = states / counts.clamp(min=1)[:, None]
    return states[:borrowed].view(documents, batch.width, -1)


def _run_packed(
    encoder: PreTrainedModel, batch: Batch, *, layers: int, with_attention: bool
) -> tuple[Tensor, AttentionOf | None]:
    """Run packed windows, so that nothing is computed for padding."""
    count = encoder.config.num_hidden_layers
    kept = range(count - layers if with_attention else count, count)
    packing = Packing(list(batch.window_lengths), batch.window_ends, layers_kept=kept)
    output = encoder(
        batch.input_ids[None],
        position_ids=batch.position_ids[None],
        packing=packing,
        output_hidden_states=layers > 1,
    )
    last = [output.last_hidden_state] if layers == 1 else output.hidden_states[-layers:]
    of_layers = [partial(_rows_of_packed, layer) for layer in packing.taken()]
    return _mean(last)[0], partial(_mean_rows, of_layers) if with_attention else None


def _run_padded(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers: int, with_attention: bool
) -> tuple[Tensor, AttentionOf | None]:
    """Run windows side by side, filled up to the longest, for encoders that take no packed ones."""
    windows, tokens = len(batch.window_lengths), max(batch.window_lengths)
    filled = batch.input_ids.new_full((windows * tokens,), padding)
    input_ids = filled.index_copy(0, batch.window_cells.long(), batch.input_ids).view(windows, tokens)
    mask = torch.arange(tokens, device=input_ids.device) < batch.window_ends.diff()[:, None]
    output = encoder(
        input_ids.long(),
        attention_mask=mask.long(),
        output_attentions=with_attention,
        output_hidden_states=layers > 1,
    )
    if with_attention and not output.attentions:
        raise AtlopError(
            f"encoder {encoder.config.model_type!r} gives no attention, which localized context pooling reads; "
            'choose an encoder such as BERT, RoBERTa or DeBERTa, or pooling.context = "none"'
        )
    last = [output.last_hidden_state] if layers == 1 else output.hidden_states[-layers:]
    hidden = _mean(last).flatten(end_dim=1).index_select(0, batch.window_cells)
    of_layers = [partial(_rows_of_padded, weights) for weights in (output.attentions or ())[-layers:]]
    return hidden, partial(_mean_rows, of_layers) if with_attention else None


def _mean_rows(of_layers: Sequence[AttentionOf], group: Group) -> Rows:
    layers = [of_group(group) for of_group in of_layers]
    return lambda tokens: _mean([rows(tokens) for rows in layers])


def _rows_of_packed(layer: QueryKey, group: Group) -> Rows:
    """Compute attention from the queries and keys of packed windows."""
    key, absent = group.padded(layer.key.transpose(0, 1)).transpose(1, 2), group.absent
    key = key if absent is None else key.contiguous()  # [windows, heads, window tokens, width]

    def rows(tokens: Tensor) -> Tensor:
        query = layer.query.index_select(1, tokens.flatten()) * layer.scaling
        query = query.unflatten(1, tokens.shape).transpose(0, 1)  # [windows, heads, readings, width]
        return attention_rows(query, key, dropout=layer.dropout, absent=absent)

    return rows


def _rows_of_padded(weights: Tensor, group: Group) -> Rows:
    """Pick rows of the attention that an encoder has returned whole, `[windows, heads, tokens, tokens]`."""
    weights = weights[group.windows]
    windows, heads, width, _ = weights.shape
    of_heads = torch.arange(windows * heads, device=weights.device).view(windows, heads, 1) * width

    def rows(tokens: Tensor) -> Tensor:
        places = (tokens - group.window_starts[:, None]).clamp(min=0)
        found = weights.flatten(end_dim=2).index_select(0, (of_heads + places[:, None]).flatten())
        found = found.view(windows, heads, -1, width)[..., : group.window_width]
        return found.to(torch.promote_types(found.dtype, torch.float32))

    return rows


def _mean(layers: Sequence[Tensor]) -> Tensor:
    return layers[0] if len(layers) == 1 else torch.stack(list(layers)).mean(dim=0)
