"""Scores of predicted mentions and entities: how many are gold ones, and how well mentions are grouped."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import SupportsFloat, TypeAlias

from atlop.evaluation.micro import f1, ratio

EntityMentions: TypeAlias = Sequence[Set[Hashable]]
"""The mentions of each entity of a document, each known by its characters."""


@dataclass(frozen=True)
class MatchScores:
    """Precision, recall and F1 from 0 to 1; 0 if the denominator is 0."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def from_shares(cls, precision: SupportsFloat, recall: SupportsFloat) -> "MatchScores":
        """Return scores with the F1 of a precision and a recall."""
        return cls(float(precision), float(recall), float(f1(precision, recall)))

    @classmethod
    def from_counts(cls, *, correct: int, predicted: int, gold: int) -> "MatchScores":
        """Return the scores of counts over all documents."""
        return cls.from_shares(ratio(correct, predicted), ratio(correct, gold))


def align_entities(predicted: EntityMentions, gold: EntityMentions, *, strict: bool) -> dict[int, int]:
    """Return the gold entity of each predicted entity that has one; no two have the same.

    Args:
        predicted: Mentions of the predicted entities of a document.
        gold: Mentions of its gold entities.
        strict: Whether entities are the same only if all their mentions are (Eberts and Ulges, 2021); otherwise one
            common mention is enough, and the entities with more of them are aligned first.
    """
    shared: Counter[tuple[int, int]] = Counter()
    gold_of: dict[Hashable, list[int]] = {}
    for number, mentions in enumerate(gold):
        for mention in mentions:
            gold_of.setdefault(mention, []).append(number)
    for number, mentions in enumerate(predicted):
        shared.update((number, other) for mention in mentions for other in gold_of.get(mention, ()))
    aligned: dict[int, int] = {}
    taken: set[int] = set()
    for (number, other), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        is_same = not strict or set(predicted[number]) == set(gold[other])
        if is_same and number not in aligned and other not in taken:
            aligned[number] = other
            taken.add(other)
    return aligned


def pairwise_scores(documents: Iterable[tuple[Sequence[int], Sequence[int]]]) -> MatchScores:
    """Score groupings of the same mentions by the pairs of mentions that are one entity.

    Args:
        documents: The predicted and the gold entity of each mention of each document.
    """
    correct = predicted_pairs = gold_pairs = 0
    for predicted, gold in documents:
        correct += _pairs(zip(predicted, gold, strict=True))
        predicted_pairs += _pairs(predicted)
        gold_pairs += _pairs(gold)
    return MatchScores.from_counts(correct=correct, predicted=predicted_pairs, gold=gold_pairs)


def b_cubed_scores(documents: Iterable[tuple[Sequence[int], Sequence[int]]]) -> MatchScores:
    """Score groupings of the same mentions by the mean over mentions of how much of their entity is right: B³.

    Bagga and Baldwin (1998). Args are those of `pairwise_scores`.
    """
    precision = recall = 0.0
    count = 0
    for predicted, gold in documents:
        both = Counter(zip(predicted, gold, strict=True))
        predicted_sizes, gold_sizes = Counter(predicted), Counter(gold)
        precision += sum(size**2 / predicted_sizes[one] for (one, _), size in both.items())
        recall += sum(size**2 / gold_sizes[other] for (_, other), size in both.items())
        count += len(gold)
    return MatchScores.from_shares(ratio(precision, count), ratio(recall, count))


def _pairs(labels: Iterable[Hashable]) -> int:
    """Return the number of pairs of equal labels."""
    return sum(size * (size - 1) // 2 for size in Counter(labels).values())
