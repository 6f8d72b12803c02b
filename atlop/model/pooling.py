"""From mentions to entities, and from two entities to the text that both attend to."""

from collections.abc import Callable

import torch
from opt_einsum import contract
from torch import Tensor

from atlop.config import MentionPooling

CONTEXT_EPSILON = 1e-5
"""Added to a pair's total attention before it is divided by it; published, and part of the model."""


def entity_embeddings(mention_states: Tensor, entity_mentions: Tensor) -> Tensor:
    """Pool each entity's mentions with logsumexp (paper, equation for entity embeddings).

    Args:
        mention_states: Hidden states at the start markers, `[documents, mentions, width]`.
        entity_mentions: Mentions of each entity, `[documents, entities, slots]`; −1 is padding.

    Returns:
        `[documents, entities, width]`; zeros for an entity without a mention.
    """
    states = gather_rows(mention_states, entity_mentions)  # [documents, entities, slots, width]
    present = (entity_mentions >= 0)[..., None]
    has_mention = present.any(dim=2)
    # An entity without mentions pools zeros that are dropped again: logsumexp over −∞ alone has no gradient.
    pooled = states.masked_fill(~present & has_mention[:, :, None], -torch.inf).logsumexp(dim=2)
    return pooled.masked_fill(~has_mention, 0.0)


def mean_embeddings(mention_states: Tensor, entity_mentions: Tensor) -> Tensor:
    """Average each entity's mentions (paper, ablation "− logsumexp").

    Args and result are those of `entity_embeddings`.
    """
    present = entity_mentions >= 0
    sums = gather_rows(mention_states, entity_mentions).masked_fill(~present[..., None], 0.0).sum(dim=2)
    return sums / present.sum(dim=2, keepdim=True).clamp(min=1)


MENTION_POOLINGS: dict[MentionPooling, Callable[[Tensor, Tensor], Tensor]] = {
    "logsumexp": entity_embeddings,
    "mean": mean_embeddings,
}


def entity_attention(mention_attention: Tensor, entity_mentions: Tensor) -> Tensor:
    """Average the attention rows of each entity's mentions.

    Args:
        mention_attention: Rows at the start markers, `[documents, mentions, heads, tokens]`.
        entity_mentions: Mentions of each entity, `[documents, entities, slots]`; −1 is padding.

    Returns:
        `[documents, entities, heads, tokens]`; zeros for an entity without a mention.
    """
    mentions = mention_attention.shape[1]
    present = entity_mentions >= 0
    share = present / present.sum(dim=2, keepdim=True).clamp(min=1)
    weights = share.new_zeros(*entity_mentions.shape[:2], mentions)  # [documents, entities, mentions]
    weights = weights.scatter_add(2, entity_mentions.clamp(min=0), share)
    pooled: Tensor = contract("bem,bmht->beht", weights.to(mention_attention.dtype), mention_attention)
    return pooled.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)  # token by token, as localized context reads it


def localized_context(subjects: Tensor, objects: Tensor, hidden: Tensor, *, subject: Tensor, object_: Tensor) -> Tensor:
    """Average the tokens that both entities of a pair attend to (paper, 'Localized Context Pooling').

    Computed for every subject with every object, which needs far less memory than a row of attention for each pair.

    Args:
        subjects: Mean attention row of each entity that is a subject, `[subjects, heads, tokens]`, float32.
        objects: The same of the entities that are objects, `[objects, heads, tokens]`.
        hidden: Encoder states of the document, `[tokens, width]`.
        subject: Subject of each pair, as an index into `subjects`, int64 `[pairs]`.
        object_: Object of each pair, as an index into `objects`, int64 `[pairs]`.

    Returns:
        `[pairs, width]`; zeros where the two entities attend to no common token.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        shared = torch.bmm(subjects.permute(2, 0, 1), objects.permute(2, 1, 0)).flatten(start_dim=1)
        shared = shared / subjects.shape[1]  # [tokens, subjects · objects]
        weight = shared / (shared.sum(dim=0) + CONTEXT_EPSILON)
    context = weight.T @ hidden
    # `index_select`, here and elsewhere: the backward pass of plain indexing adds up in random order.
    return context.index_select(0, subject * len(objects) + object_)


def context_weights(attention: Tensor, *, subject: Tensor, object_: Tensor) -> Tensor:
    """Return the weight of each token in the localized context of some pairs: what `localized_context` averages by.

    Needs a row of attention for each pair; meant for the few pairs whose context is looked at.

    Args:
        attention: Mean attention row of each entity, `[entities, heads, tokens]`.
        subject: Subject of each pair, int64 `[pairs]`.
        object_: Object of each pair, int64 `[pairs]`.

    Returns:
        `[pairs, tokens]`, float32; a row sums to 1, or less where the two attend to little in common.
    """
    attention = attention.float()
    shared = (attention[subject] * attention[object_]).mean(dim=1)
    return shared / (shared.sum(dim=1, keepdim=True) + CONTEXT_EPSILON)


def gather_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Pick rows of each document.

    Args:
        values: `[documents, rows, …]`.
        rows: Which rows, int64 `[documents, …]`; −1 picks any.

    Returns:
        The shape of `rows`, then that of one row.
    """
    documents = torch.arange(len(values), device=values.device).view(-1, *[1] * (rows.dim() - 1))
    flat = (documents * values.shape[1] + rows.clamp(min=0)).flatten()
    picked: Tensor = values.flatten(end_dim=1).index_select(0, flat).unflatten(0, rows.shape)
    return picked
