"""The equations of all objectives in plain form, for one pair, relation by relation, in float64.

Each function returns a scalar from the scores of one pair, `[classes]`, and the relations that hold. TH is class 0.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tests.reference import adaptive_thresholding_loss_by_pair


def sigma(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def split(s: Tensor, held: Sequence[int]) -> tuple[list[int], list[int]]:
    return list(held), [r for r in range(1, len(s)) if r not in held]


def total(terms: Sequence[Tensor], reference: Tensor) -> Tensor:
    return sum(terms, reference.new_zeros(()))


def adaptive_thresholding(s: Tensor, held: Sequence[int]) -> Tensor:
    label = torch.zeros(1, len(s), dtype=torch.bool)
    label[0, list(held)] = True
    return adaptive_thresholding_loss_by_pair(s[None], label)


def binary_cross_entropy(s: Tensor, held: Sequence[int]) -> Tensor:
    return total([-(sigma(s[r]) if r in held else 1 - sigma(s[r])).log() for r in range(1, len(s))], s)


def binary_cross_entropy_with_th(s: Tensor, held: Sequence[int]) -> Tensor:
    threshold_loss = (1 - sigma(s[0])) if held else sigma(s[0])
    return binary_cross_entropy(s, held) - threshold_loss.log()


def separate_thresholding(s: Tensor, held: Sequence[int]) -> Tensor:
    positive, negative = split(s, held)
    return total([-sigma(s[r] - s[0]).log() for r in positive] + [-sigma(s[0] - s[r]).log() for r in negative], s)


def adaptive_focal(s: Tensor, held: Sequence[int], *, focus: float = 1.0) -> Tensor:
    positive, negative = split(s, held)
    p = {r: sigma(s[r] - s[0]) for r in positive}
    first = total([-(1 + (1 - p[r]) ** focus) * p[r].log() for r in positive], s)
    return first - (s[0].exp() / s[[0, *negative]].exp().sum()).log()


def balanced_softmax(s: Tensor, held: Sequence[int]) -> Tensor:
    positive, negative = split(s, held)
    first = (1 + total([(-s[r]).exp() for r in positive], s)).log()
    return first + (1 + total([s[r].exp() for r in negative], s)).log()


def hinge_weighted(s: Tensor, held: Sequence[int], *, margin: float = 5.0) -> Tensor:
    positive, negative = split(s, held)
    w = {r: max(margin - (s[r] - s[0]), s.new_zeros(())) for r in positive}
    v = {r: max(margin + (s[r] - s[0]), s.new_zeros(())) for r in negative}
    value = s.new_zeros(())
    for r in positive:
        if total(list(w.values()), s) > 0:
            value = value - w[r] / total(list(w.values()), s) * sigma(s[r] - s[0]).log()
    for r in negative:
        if total(list(v.values()), s) > 0:
            value = value - v[r] / total(list(v.values()), s) * sigma(s[0] - s[r]).log()
    return value


def adaptive_margin(s: Tensor, held: Sequence[int], *, margin: float = 1.0) -> Tensor:
    positive, negative = split(s, held)
    zero = s.new_zeros(())
    above = [max(margin - (s[r] - s[0]), zero) for r in positive]
    return total(above + [max(margin + (s[r] - s[0]), zero) for r in negative], s)


def moving_threshold(
    s: Tensor, held: Sequence[int], *, positive_entropy_weight: float = 1.0, negative_entropy_weight: float = 1.0
) -> Tensor:
    def mean_entropy(relations: list[int]) -> Tensor:
        p = [sigma(s[r] - s[0]) for r in relations]
        return total([-q * q.log() - (1 - q) * (1 - q).log() for q in p], s) / max(1, len(p))

    positive, negative = split(s, held)
    entropy = positive_entropy_weight * mean_entropy(positive) + negative_entropy_weight * mean_entropy(negative)
    return separate_thresholding(s, held) + entropy


def none_class_ranking(s: Tensor, held: Sequence[int], *, shift: float = 0.0) -> Tensor:
    def forgiven(margin: Tensor) -> Tensor:
        return -min(margin.new_ones(()), sigma(-margin) + shift).log()

    positive, negative = split(s, held)
    above_mean = s[0] - s[1:].mean()
    threshold_loss = forgiven(above_mean) if positive else -sigma(above_mean).log()
    return (
        total([-sigma(s[r] - s[0]).log() for r in positive] + [forgiven(s[r] - s[0]) for r in negative], s)
        + threshold_loss
    )


def weighted_softmax(s: Tensor, held: Sequence[int], *, positive_weight: float = 16.5) -> Tensor:
    share = s.exp() / s.exp().sum()
    return total([-positive_weight * share[r].log() for r in held], s) - share[0].log()


def positive_unlabelled(
    scores: Tensor,
    held: Sequence[Sequence[int]],
    *,
    shares: Sequence[float],
    prior_factor: float = 3.0,
    c: float = 0.25,
) -> Tensor:
    """Return the loss of a batch from the scores of its pairs, `[pairs, classes]`."""

    def expected(relation: int, pairs: list[int], y: int) -> Tensor:
        losses = [((scores[p, relation] - scores[p, 0]) * y - c) ** 2 / 4 for p in pairs]
        return total(losses, scores) / max(1, len(losses))

    value = scores.new_zeros(())
    for relation in range(1, scores.shape[1]):
        positive = [p for p in range(len(scores)) if relation in held[p]]
        unlabelled = [p for p in range(len(scores)) if relation not in held[p]]
        pi_l = shares[relation]
        pi = prior_factor * pi_l
        pi_u = (pi - pi_l) / (1 - pi_l)
        omega = math.sqrt((1 - pi) / pi) if pi else 0.0
        minus = (1 - pi) / (1 - pi_u) * expected(relation, unlabelled, -1)
        minus = minus - (pi_u - pi_u * pi) / (1 - pi_u) * expected(relation, positive, -1)
        plus = pi * omega * expected(relation, positive, +1)
        value = value + (plus + minus if minus >= 0 else -minus)
    return value
