"""From mentions to entities, and from two entities to the text that both attend to."""

import torch
from opt_einsum import contract
from torch import Tensor

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
    return pooled


def localized_context(attention: Tensor, hidden: Tensor, pairs: Tensor) -> Tensor:
    """Average the tokens that both entities of a pair attend to (paper, 'Localized Context Pooling').

    Args:
        attention: Mean attention row of each entity of one document, `[entities, heads, tokens]`.
        hidden: Encoder states of the document, `[tokens, width]`.
        pairs: Subject and object of each pair, `[pairs, 2]`, int64.

    Returns:
        `[pairs, width]`; zeros where the two entities attend to no common token.
    """
    subject, object_ = pairs.unbind(dim=1)
    # `index_select`, here and elsewhere: the backward pass of plain indexing adds up in random order.
    shared = (attention.index_select(0, subject) * attention.index_select(0, object_)).mean(dim=1)  # [pairs, tokens]
    weight = shared / (shared.sum(dim=-1, keepdim=True) + CONTEXT_EPSILON)
    return weight @ hidden


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
