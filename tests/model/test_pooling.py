"""Entities from mentions and contexts of pairs, against the equations written out."""

import pytest
import torch
from torch import Tensor, nn

from atlop.model.context import CONTEXT_EPSILON, context_weights
from atlop.model.pooling import LogSumExp, Mean

DOCUMENTS, MENTIONS, HEADS, TOKENS, WIDTH = 2, 5, 3, 7, 4
MENTIONS_OF = torch.tensor([[[0, 1, 2], [3, -1, -1], [-1, -1, -1]], [[0, 0, -1], [1, 2, -1], [4, 3, -1]]])
"""Slots of each entity; the third entity of the first document has no mention, one mention is listed twice."""
PAIRS = torch.tensor([[s, o] for s in range(3) for o in range(3) if s != o])


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention_rows(*shape: int, seed: int = 0) -> Tensor:
    return random(*shape, seed=seed).softmax(dim=-1)


def mentions_of(document: int, entity: int) -> list[int]:
    return [mention for mention in MENTIONS_OF[document, entity].tolist() if mention >= 0]


def context_of(attention: Tensor, hidden: Tensor, pairs: Tensor) -> Tensor:
    """Contexts of pairs from attention `[entities, heads, tokens]` and states `[tokens, width]` of one document."""
    subject, object_ = pairs.T
    rows = attention.permute(2, 1, 0)
    return (context_weights(rows, rows, documents=1)[0] @ hidden)[subject * len(attention) + object_]


def entity_embeddings(states: Tensor, mentions: Tensor) -> Tensor:
    """Pool the states `[documents, mentions, width]` of the mentions `[documents, entities, mentions]`."""
    return pooled_by(LogSumExp(states.shape[2]), states, mentions)


def mean_embeddings(states: Tensor, mentions: Tensor) -> Tensor:
    return pooled_by(Mean(states.shape[2]), states, mentions)


def pooled_by(pooling: nn.Module, states: Tensor, mentions: Tensor) -> Tensor:
    documents = torch.arange(len(states))[:, None, None]
    found: Tensor = pooling(states[documents, mentions.clamp(min=0)], mentions >= 0)
    return found


def test_an_entity_is_the_logsumexp_of_its_mentions() -> None:
    states = random(DOCUMENTS, MENTIONS, WIDTH)
    found = entity_embeddings(states, MENTIONS_OF)
    for document in range(DOCUMENTS):
        for entity in range(3):
            mentions = mentions_of(document, entity)
            expected = states[document, mentions].exp().sum(dim=0).log() if mentions else torch.zeros(WIDTH).double()
            torch.testing.assert_close(found[document, entity], expected)


def test_an_entity_can_be_the_mean_of_its_mentions() -> None:
    states = random(DOCUMENTS, MENTIONS, WIDTH)
    found = mean_embeddings(states, MENTIONS_OF)
    for document in range(DOCUMENTS):
        for entity in range(3):
            mentions = mentions_of(document, entity)
            expected = sum((states[document, mention] for mention in mentions), torch.zeros(WIDTH).double())
            torch.testing.assert_close(found[document, entity], expected / max(1, len(mentions)))


def test_states_of_any_size_pool_without_overflow() -> None:
    states = torch.tensor([[[1e4, -1e4], [1e4, -1e4]]])
    found = entity_embeddings(states, torch.tensor([[[0, 1]]]))
    torch.testing.assert_close(found, states[:, :1] + torch.log(torch.tensor(2.0)))


def slow_context(attention: Tensor, hidden: Tensor, pairs: Tensor) -> Tensor:
    contexts = []
    for subject, object_ in pairs.tolist():
        shared = (attention[subject] * attention[object_]).mean(dim=0)
        weight = shared / (shared.sum() + CONTEXT_EPSILON)
        contexts.append(torch.stack([weight[token] * hidden[token] for token in range(len(hidden))]).sum(dim=0))
    return torch.stack(contexts)


@pytest.mark.parametrize("pairs", [PAIRS, torch.tensor([[2, 0], [1, 2], [0, 2], [2, 0]])])
def test_the_context_of_a_pair_is_what_both_attend_to(pairs: Tensor) -> None:
    attention = attention_rows(3, HEADS, TOKENS)
    hidden = random(TOKENS, WIDTH, seed=1)
    found = context_of(attention, hidden, pairs)
    torch.testing.assert_close(found, slow_context(attention, hidden, pairs), rtol=1e-6, atol=1e-7)


def test_no_pair_has_no_context() -> None:
    nothing = torch.empty(0, 2, dtype=torch.int64)
    assert context_of(attention_rows(3, HEADS, TOKENS), random(TOKENS, WIDTH), nothing).shape == (0, WIDTH)


def test_the_epsilon_shrinks_a_uniform_context_by_half_a_percent_at_document_length() -> None:
    assert CONTEXT_EPSILON == 1e-5
    attention = torch.full((2, 4, 512), 1 / 512, dtype=torch.float64)
    found = context_of(attention, torch.ones(512, 1, dtype=torch.float64), torch.tensor([[0, 1]]))
    assert found.item() == pytest.approx((1 / 512) / (1 / 512 + 1e-5), rel=1e-6)
    assert found.item() == pytest.approx(0.9949, abs=1e-4)


def test_entities_that_attend_to_no_common_token_have_no_context() -> None:
    attention = torch.zeros(2, 1, 4)
    attention[0, 0, 0] = attention[1, 0, 3] = 1.0
    found = context_of(attention, torch.ones(4, 2), torch.tensor([[0, 1], [1, 0]]))
    assert found.tolist() == [[0, 0], [0, 0]]


def test_entities_that_attend_to_the_same_token_have_it_as_context() -> None:
    attention = torch.zeros(2, 2, 4)
    attention[:, 1, 2] = 1.0  # the second head only
    attention[0, 0, 0] = attention[1, 0, 1] = 1.0
    hidden = torch.arange(8.0).view(4, 2)
    found = context_of(attention, hidden, torch.tensor([[0, 1]]))
    torch.testing.assert_close(found, hidden[[2]] * 0.5 / (0.5 + CONTEXT_EPSILON))


def test_an_entity_without_mentions_gives_zeros_and_finite_gradients() -> None:
    states = random(DOCUMENTS, MENTIONS, WIDTH).requires_grad_()
    attention = attention_rows(3, HEADS, TOKENS)
    attention[2] = 0
    attention.requires_grad_()
    hidden = random(DOCUMENTS, TOKENS, WIDTH, seed=1).requires_grad_()
    embeddings = entity_embeddings(states, MENTIONS_OF)
    context = context_of(attention, hidden[0], PAIRS)
    assert embeddings[0, 2].abs().max() == 0
    lost = (PAIRS == 2).any(dim=1)
    assert context[lost].abs().max() == 0
    assert context[~lost].abs().max() > 0
    (embeddings.square().sum() + context.square().sum()).backward()
    for tensor in (states, attention, hidden):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().max() > 0
    assert states.grad is not None
    assert states.grad[0, 4].abs().max() == 0  # no entity of the first document has this mention


def test_a_batch_in_which_no_mention_is_left_gives_zeros() -> None:
    nothing = torch.empty(1, 2, 0, dtype=torch.int64)
    assert entity_embeddings(torch.zeros(1, 0, WIDTH), nothing).tolist() == [[[0.0] * WIDTH] * 2]


def test_pooling_gradients_are_those_of_finite_differences() -> None:
    states = random(1, 3, 2).requires_grad_()
    attention = attention_rows(3, 2, 4).detach().requires_grad_()
    hidden = random(4, 2, seed=1).requires_grad_()
    mentions = torch.tensor([[[0, 1], [2, -1], [-1, -1]]])
    pairs = torch.tensor([[0, 1], [1, 0], [0, 2]])

    def pooled(states: Tensor, attention: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return entity_embeddings(states, mentions), context_of(attention, hidden, pairs)

    assert torch.autograd.gradcheck(pooled, (states, attention, hidden))
