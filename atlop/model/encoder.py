"""Pieces to hidden states, and the last layer's attention at the mentions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.model import attention, windows
from atlop.model.configuration import first_position


@dataclass(frozen=True)
class Encoded:
    """What the encoder makes of a batch."""

    hidden: Tensor
    """Last hidden states, `[documents, tokens, width]`."""
    mention_attention: Tensor
    """The last layer's attention from each mention's start marker, `[documents, mentions, heads, tokens]`."""


def encode(
    encoder: PreTrainedModel,
    *,
    input_ids: Tensor,
    lengths: Sequence[int],
    positions: Tensor,
    window_size: int,
    window_start: Sequence[int],
    window_end: Sequence[int],
    padding: int,
) -> Encoded:
    """Run the encoder over documents of any length (REFERENCE: paper, 'Encoder', and its released windows).

    Args:
        encoder: Any encoder that returns attention.
        input_ids: `[documents, tokens]`.
        lengths: Pieces of each document.
        positions: Position of each mention's start marker, `[documents, mentions]`; −1 is padding.
        window_size: Most pieces of one encoder call.
        window_start: Pieces that a window borrows where it does not begin its document.
        window_end: Pieces that a window borrows where it does not end its document.
        padding: Piece that fills up shorter inputs.

    Raises:
        AtlopError: The encoder gives no attention.
    """
    documents, tokens = input_ids.shape
    if tokens <= window_size:
        hidden, rows = _call(encoder, input_ids, lengths=lengths, rows=positions)
        return Encoded(hidden=hidden, mention_attention=rows)
    cut = windows.cut(input_ids, lengths=lengths, size=window_size, start=window_start, end=window_end, padding=padding)
    window_rows = windows.rows_in_windows(positions, cut)
    hidden, rows = _call(encoder, cut.input_ids, lengths=cut.lengths, rows=window_rows)
    return Encoded(
        hidden=windows.merge_hidden(hidden, cut, documents=documents, tokens=tokens),
        mention_attention=windows.merge_rows(rows, cut, found=window_rows >= 0, documents=documents, tokens=tokens),
    )


def _call(
    encoder: PreTrainedModel, input_ids: Tensor, *, lengths: Sequence[int], rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Return hidden states `[inputs, tokens, width]` and attention rows `[inputs, mentions, heads, tokens]`."""
    if encoder.config._attn_implementation == attention.IMPLEMENTATION:
        return _call_end_to_end(encoder, input_ids, lengths=lengths, rows=rows)
    length = torch.tensor(lengths).to(input_ids.device, non_blocking=True)
    attention_mask = torch.arange(input_ids.shape[1], device=input_ids.device) < length[:, None]
    output = encoder(input_ids, attention_mask=attention_mask.long(), output_attentions=True)
    if not output.attentions:
        raise AtlopError(
            f"encoder {encoder.config.model_type!r} gives no attention, which localized context pooling reads; "
            "choose an encoder such as BERT, RoBERTa or DeBERTa"
        )
    weights = output.attentions[-1].transpose(1, 2)  # [inputs, tokens, heads, tokens]
    inputs = torch.arange(len(rows), device=rows.device)[:, None]
    return output.last_hidden_state, weights[inputs, rows.clamp(min=0)]


def _call_end_to_end(
    encoder: PreTrainedModel, input_ids: Tensor, *, lengths: Sequence[int], rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Do the same with the inputs laid end to end, so that nothing is computed for padding."""
    device = input_ids.device
    first = first_position(encoder.config)
    positions = torch.cat([torch.arange(first, first + length) for length in lengths]).to(device, non_blocking=True)
    output = encoder(
        torch.cat([pieces[:length] for pieces, length in zip(input_ids, lengths, strict=True)])[None],
        position_ids=positions[None],
        lengths=list(lengths),
        mention_rows=rows,
        output_attentions=True,
    )
    hidden = pad_sequence(output.last_hidden_state[0].split(list(lengths)), batch_first=True)
    return hidden, output.attentions[-1]
