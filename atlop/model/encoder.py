"""Windows to hidden states and attention (paper, 'Encoder')."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.ops import Packing, QueryKey, attention_rows, takes_packed
from atlop.preprocessing import Batch, Group


class AttentionSource(Protocol):
    """Gives the attention of the encoder's last layers, on average, from the tokens asked for."""

    def rows(self, group: Group, readings: slice) -> Tensor:
        """Return the attention of some readings of each window, after dropout.

        Returns:
            `[windows, heads, readings, window tokens]`, at least float32; zeros where a window is filled up.
        """
        ...


class Encoded(NamedTuple):
    """What the encoder makes of a batch."""

    hidden: Tensor
    """Hidden states of all windows, `[tokens, width]`."""
    attention: AttentionSource | None
    """`None` where it was not asked for."""


def encode(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers_averaged: int = 1, with_attention: bool
) -> Encoded:
    """Run the encoder over all windows of a batch.

    Args:
        encoder: Any encoder; one that returns attention where that is asked for.
        batch: The documents.
        padding: Token id that fills up shorter windows.
        layers_averaged: Last layers whose states and attention are averaged; 1 is published.
        with_attention: Whether the attention is wanted.

    Raises:
        AtlopError: Attention is wanted, and the encoder gives none.
    """
    run = _run_packed if takes_packed(encoder) else _run_padded
    states, attention = run(encoder, batch, padding=padding, layers=layers_averaged, with_attention=with_attention)
    return Encoded(_mean(states), attention)


def _run_packed(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers: int, with_attention: bool
) -> tuple[Sequence[Tensor], AttentionSource | None]:
    """Return the states `[tokens, width]` of the last layers, and their attention; nothing is computed for padding."""
    count = encoder.config.num_hidden_layers
    kept = range(count - layers if with_attention else count, count)
    packing = Packing(list(batch.window_lengths), batch.window_ends, layers_kept=kept)
    output = encoder(
        batch.input_ids[None],
        position_ids=batch.position_ids[None],
        packing=packing,
        output_hidden_states=layers > 1,
    )
    states = [output.last_hidden_state[0]] if layers == 1 else [each[0] for each in output.hidden_states[-layers:]]
    return states, PackedAttention([packing.kept[layer] for layer in kept]) if with_attention else None


def _run_padded(
    encoder: PreTrainedModel, batch: Batch, *, padding: int, layers: int, with_attention: bool
) -> tuple[Sequence[Tensor], AttentionSource | None]:
    """Do the same with windows side by side, filled up to the longest, for encoders that take no packed ones."""
    windows, tokens = len(batch.window_lengths), max(batch.window_lengths)
    input_ids = batch.input_ids.new_full((windows * tokens,), padding).index_copy(
        0, batch.window_cells.long(), batch.input_ids
    )
    mask = torch.arange(tokens, device=input_ids.device) < batch.window_ends.diff()[:, None]
    output = encoder(
        input_ids.view(windows, tokens).long(),
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
    states = [each.flatten(end_dim=1).index_select(0, batch.window_cells) for each in last]
    return states, PaddedAttention(output.attentions[-layers:]) if with_attention else None


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
        ones = torch.ones_like(batch.cells)
        windows_of_cell = (
            torch.zeros_like(batch.cells[:1]).expand(borrowed + 1).clone().index_add_(0, batch.cells, ones)
        )
        states = states / windows_of_cell.clamp(min=1)[:, None]
    return states[:borrowed].view(documents, batch.width, -1)


class PackedAttention:
    """Attention that is computed from the queries and keys of packed windows when it is asked for."""

    def __init__(self, layers: Sequence[QueryKey]):
        """Keep the last layers' queries and keys."""
        self._layers = layers

    def rows(self, group: Group, readings: slice) -> Tensor:
        """See `AttentionSource.rows`."""
        return _mean([self._rows(layer, group, readings) for layer in self._layers])

    def _rows(self, layer: QueryKey, group: Group, readings: slice) -> Tensor:
        tokens = group.reading_tokens[:, readings]
        query = layer.query.index_select(1, tokens.flatten()) * layer.scaling
        query = query.unflatten(1, tokens.shape).transpose(0, 1)  # [windows, heads, readings, width]
        key = group.padded(layer.key.transpose(0, 1)).transpose(1, 2)
        return attention_rows(query, key, dropout=layer.dropout, absent=group.absent)


class PaddedAttention:
    """Attention that an encoder has returned whole."""

    def __init__(self, layers: Sequence[Tensor]):
        """Keep the last layers' weights, `[windows, heads, tokens, tokens]` each."""
        self._layers = layers

    def rows(self, group: Group, readings: slice) -> Tensor:
        """See `AttentionSource.rows`."""
        return _mean([self._rows(layer, group, readings) for layer in self._layers])

    def _rows(self, layer: Tensor, group: Group, readings: slice) -> Tensor:
        weights = layer[group.windows]
        windows, heads, tokens, _ = weights.shape
        places = (group.reading_tokens[:, readings] - group.window_starts[:, None]).clamp(min=0)
        of_heads = torch.arange(windows * heads, device=places.device).view(windows, heads, 1) * tokens
        rows = weights.flatten(end_dim=2).index_select(0, (of_heads + places[:, None]).flatten())
        rows = rows.view(windows, heads, -1, tokens)[..., : group.window_width]
        return rows.to(torch.promote_types(rows.dtype, torch.float32))


def _mean(layers: Sequence[Tensor]) -> Tensor:
    return layers[0] if len(layers) == 1 else torch.stack(list(layers)).mean(dim=0)
