"""Pieces to hidden states, and what the last layer's attention is read with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from atlop.errors import AtlopError
from atlop.model import attention, windows
from atlop.model.configuration import first_position
from atlop.model.reader import AttentionReader, RowsOf, readers
from atlop.preprocessing import Batch


@dataclass(frozen=True)
class Encoded:
    """What the encoder makes of a batch."""

    hidden: Tensor
    """Last hidden states, `[documents, tokens, width]`."""
    attention: Sequence[AttentionReader] | None
    """What gives the attention of each document's entities in the last layer; `None` where it was not asked for."""


def encode(
    encoder: PreTrainedModel,
    batch: Batch,
    *,
    window_size: int,
    window_start: Sequence[int],
    window_end: Sequence[int],
    padding: int,
    with_attention: bool,
) -> Encoded:
    """Run the encoder over documents of any length (paper, 'Encoder'; windows as the released code cuts them).

    Args:
        encoder: Any encoder; one that returns attention where that is asked for.
        batch: The documents.
        window_size: Most pieces of one encoder call.
        window_start: Pieces that a window borrows where it does not begin its document.
        window_end: Pieces that a window borrows where it does not end its document.
        padding: Piece that fills up shorter inputs.
        with_attention: Whether the attention is wanted.

    Raises:
        AtlopError: Attention is wanted, and the encoder gives none.
    """
    documents, tokens = batch.input_ids.shape
    cut = windows.cut(
        batch.input_ids, lengths=batch.lengths, size=window_size, start=window_start, end=window_end, padding=padding
    )
    hidden, rows = _call(encoder, cut, with_attention=with_attention)
    return Encoded(
        hidden=windows.merge_hidden(hidden, cut, documents=documents, tokens=tokens),
        attention=readers(batch, cut, rows, training=encoder.training) if with_attention else None,
    )


def _call(encoder: PreTrainedModel, cut: windows.Windows, *, with_attention: bool) -> tuple[Tensor, Sequence[RowsOf]]:
    """Return hidden states `[windows, tokens, width]` and, if wanted, what gives the attention in each window."""
    if encoder.config._attn_implementation == attention.IMPLEMENTATION:
        return _call_end_to_end(encoder, cut, with_attention=with_attention)
    device = cut.input_ids.device
    length = torch.tensor(cut.lengths).to(device, non_blocking=True)
    attention_mask = torch.arange(cut.input_ids.shape[1], device=device) < length[:, None]
    output = encoder(cut.input_ids, attention_mask=attention_mask.long(), output_attentions=with_attention)
    if with_attention and not output.attentions:
        raise AtlopError(
            f"encoder {encoder.config.model_type!r} gives no attention, which localized context pooling reads; "
            'choose an encoder such as BERT, RoBERTa or DeBERTa, or pooling.context = "none"'
        )
    of_windows = output.attentions[-1] if with_attention else ()  # [heads, tokens, tokens] each
    return output.last_hidden_state, [partial(torch.index_select, of_window, 1) for of_window in of_windows]


def _call_end_to_end(
    encoder: PreTrainedModel, cut: windows.Windows, *, with_attention: bool
) -> tuple[Tensor, Sequence[RowsOf]]:
    """Do the same with the windows laid end to end, so that nothing is computed for padding."""
    lengths = list(cut.lengths)
    first = first_position(encoder.config)
    positions = torch.cat([torch.arange(first, first + length) for length in lengths])
    output = encoder(
        torch.cat([pieces[:length] for pieces, length in zip(cut.input_ids, lengths, strict=True)])[None],
        position_ids=positions.to(cut.input_ids.device, non_blocking=True)[None],
        inputs=attention.EndToEnd(lengths),
        output_attentions=with_attention,
    )
    hidden = pad_sequence(output.last_hidden_state[0].split(lengths), batch_first=True)
    return hidden, output.attentions[-1].rows_of_inputs(lengths) if with_attention else ()
