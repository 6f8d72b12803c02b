"""Pieces to hidden states, and the last layer's attention at the mentions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from atlop.encoding import Batch
from atlop.errors import AtlopError
from atlop.model import attention, windows
from atlop.model.configuration import first_position
from atlop.model.pooling import entity_attention


@dataclass(frozen=True)
class Encoded:
    """What the encoder makes of a batch."""

    hidden: Tensor
    """Last hidden states, `[documents, tokens, width]`."""
    entity_attention: Tensor | None
    """The last layer's attention, averaged over each entity's start markers, `[documents, entities, heads, tokens]`;
    `None` where it was not asked for."""


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
    device = batch.input_ids.device
    if max(batch.lengths) <= window_size:
        positions = torch.from_numpy(batch.mention_positions).to(device, non_blocking=True) if with_attention else None
        hidden, rows = _call(encoder, batch.input_ids, lengths=batch.lengths, rows=positions)
        return Encoded(hidden, None if rows is None else entity_attention(rows, batch.entity_mentions))
    documents, tokens = batch.input_ids.shape
    entities = batch.entity_mentions.shape[1]
    cut = windows.cut(
        batch.input_ids, lengths=batch.lengths, size=window_size, start=window_start, end=window_end, padding=padding
    )
    if not with_attention:
        hidden, _ = _call(encoder, cut.input_ids, lengths=cut.lengths, rows=None)
        return Encoded(windows.merge_hidden(hidden, cut, documents=documents, tokens=tokens), None)
    read = windows.readings(
        cut,
        positions=batch.mention_positions,
        mention_entities=batch.mention_entities,
        entities=entities,
        device=device,
    )
    hidden, rows = _call(encoder, cut.input_ids, lengths=cut.lengths, rows=read.rows)
    assert rows is not None
    return Encoded(
        hidden=windows.merge_hidden(hidden, cut, documents=documents, tokens=tokens),
        entity_attention=windows.merge_attention(
            rows,
            cut,
            read,
            documents=documents,
            mentions=batch.mention_positions.shape[1],
            entities=entities,
            tokens=tokens,
        ),
    )


def _call(
    encoder: PreTrainedModel, input_ids: Tensor, *, lengths: Sequence[int], rows: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return hidden states `[inputs, tokens, width]` and, if wanted, the attention of some rows of each input.

    The rows' tokens are `[inputs, mentions]`, their attention `[inputs, mentions, heads, tokens]`.
    """
    if encoder.config._attn_implementation == attention.IMPLEMENTATION:
        return _call_end_to_end(encoder, input_ids, lengths=lengths, rows=rows)
    length = torch.tensor(lengths).to(input_ids.device, non_blocking=True)
    attention_mask = torch.arange(input_ids.shape[1], device=input_ids.device) < length[:, None]
    output = encoder(input_ids, attention_mask=attention_mask.long(), output_attentions=rows is not None)
    if rows is None:
        return output.last_hidden_state, None
    if not output.attentions:
        raise AtlopError(
            f"encoder {encoder.config.model_type!r} gives no attention, which localized context pooling reads; "
            'choose an encoder such as BERT, RoBERTa or DeBERTa, or pooling.context = "none"'
        )
    of_inputs = zip(output.attentions[-1], rows.clamp(min=0), strict=True)  # [heads, tokens, tokens] each
    return output.last_hidden_state, torch.stack([of.index_select(1, row) for of, row in of_inputs]).transpose(1, 2)


def _call_end_to_end(
    encoder: PreTrainedModel, input_ids: Tensor, *, lengths: Sequence[int], rows: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Do the same with the inputs laid end to end, so that nothing is computed for padding."""
    device = input_ids.device
    first = first_position(encoder.config)
    positions = torch.cat([torch.arange(first, first + length) for length in lengths]).to(device, non_blocking=True)
    output = encoder(
        torch.cat([pieces[:length] for pieces, length in zip(input_ids, lengths, strict=True)])[None],
        position_ids=positions[None],
        inputs=attention.EndToEnd(lengths=list(lengths), mention_rows=rows),
        output_attentions=rows is not None,
    )
    hidden = pad_sequence(output.last_hidden_state[0].split(list(lengths)), batch_first=True)
    return hidden, None if rows is None else output.attentions[-1]
