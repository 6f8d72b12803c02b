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


def localized_context(subjects: Tensor, objects: Tensor, hidden: Tensor) -> Tensor:
    """Average the tokens that both entities of a pair attend to (paper, 'Localized Context Pooling').

    Computed for every subject with every object, which needs far less memory than a row of attention for each pair.

    Args:
        subjects: Mean attention row of each entity that is a subject, `[subjects, heads, tokens]`, float32.
        objects: The same of the entities that are objects, `[objects, heads, tokens]`.
        hidden: Encoder states of the document, `[tokens, width]`.

    Returns:
        `[subjects, objects, width]`; zeros where the two entities attend to no common token.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        subjects = subjects / subjects.shape[1]
        shared = torch.bmm(subjects.permute(2, 0, 1), objects.permute(2, 1, 0)).flatten(start_dim=1)
        weight = shared / (shared.sum(dim=0) + CONTEXT_EPSILON)  # [tokens, subjects · objects]
    return (weight.T @ hidden).view(len(subjects), len(objects), -1)


def context_weights(subjects: Tensor, objects: Tensor) -> Tensor:
    """Return the weight of each token in the localized context of some pairs: what `localized_context` averages by.

    Needs a row of attention for each pair; meant for the few pairs whose context is looked at.

    Args:
        subjects: Mean attention row of each pair's subject, `[pairs, heads, tokens]`, float32.
        objects: The same of its object.

    Returns:
        `[pairs, tokens]`; a row sums to 1, or less where the two attend to little in common.
    """
    shared: Tensor = contract("pht,pht->pt", subjects, objects) / subjects.shape[1]
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
    # `index_select`, here and elsewhere: the backward pass of plain indexing adds up in random order.
    flat = (documents * values.shape[1] + rows.clamp(min=0)).flatten()
    picked: Tensor = values.flatten(end_dim=1).index_select(0, flat).unflatten(0, rows.shape)
    return picked
