"""Mentions, entities and end-to-end facts are scored as definitions say, which stand here in obvious code."""

import random
from itertools import combinations, permutations

import pytest

from atlop.evaluation.end_to_end import end_to_end_scores
from atlop.evaluation.entities import align_entities, b_cubed_scores, pairwise_scores
from atlop.schema import Document, Entity, Fact, Mention


def labels(random_: random.Random) -> tuple[list[int], list[int]]:
    size = random_.randrange(1, 12)
    return [random_.randrange(4) for _ in range(size)], [random_.randrange(4) for _ in range(size)]


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_groupings_are_scored_by_pairs_and_by_mentions(seed: int) -> None:
    documents = [labels(random.Random(f"{seed} {number}")) for number in range(4)]

    one, other = set[tuple[int, int, int]](), set[tuple[int, int, int]]()
    shares = []
    for number, (predicted, gold) in enumerate(documents):
        for first, second in combinations(range(len(gold)), 2):
            one |= {(number, first, second)} if predicted[first] == predicted[second] else set()
            other |= {(number, first, second)} if gold[first] == gold[second] else set()
        for mention in range(len(gold)):
            own = {each for each in range(len(gold)) if predicted[each] == predicted[mention]}
            right = {each for each in range(len(gold)) if gold[each] == gold[mention]}
            shares.append((len(own & right) / len(own), len(own & right) / len(right)))
    precision, recall = (sum(column) / len(shares) for column in zip(*shares, strict=True))
    pairs, cubed = pairwise_scores(documents), b_cubed_scores(documents)

    assert (pairs.precision, pairs.recall) == pytest.approx(
        (len(one & other) / len(one), len(one & other) / len(other))
    )
    assert (cubed.precision, cubed.recall, cubed.f1) == pytest.approx((precision, recall, f1(precision, recall)))


def test_entities_are_the_same_strictly_or_by_a_common_mention() -> None:
    gold = [{1, 2}, {3}, {4, 5}, {6}]
    predicted = [{1}, {3}, {2, 4, 5}, {7}]

    assert align_entities(predicted, gold, strict=True) == {1: 1}
    assert align_entities(predicted, gold, strict=False) == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("seed", range(20))
def test_no_alignment_has_an_entity_twice_and_none_could_be_added(seed: int) -> None:
    random_ = random.Random(seed)
    gold, predicted = ([{random_.randrange(12) for _ in range(3)} for _ in range(5)] for _ in range(2))

    aligned = align_entities(predicted, gold, strict=False)

    assert len(set(aligned.values())) == len(aligned)
    for number, mentions in enumerate(predicted):
        for other, wanted in enumerate(gold):
            if mentions & wanted:
                assert number in aligned or other in aligned.values()


def document(*entities: list[int], facts: tuple[Fact, ...] = (), directed: bool = True) -> Document:
    """Return a document whose mentions are single characters."""
    return Document(
        title="",
        sentences=(("a",) * 20,),
        entities=tuple(
            Entity(tuple(Mention("a", 0, at, at + 1, "", ((at, at + 1),)) for at in each)) for each in entities
        ),
        facts=facts,
        text="a" * 20,
        directed=directed,
    )


def test_a_fact_counts_where_both_entities_match() -> None:
    gold = document([0, 1], [2], [3, 4], facts=(Fact(0, 1, "P1"), Fact(1, 2, "P2"), Fact(2, 0, "P3")))
    predicted = document([0, 1], [2], [3], [9])
    facts = [Fact(0, 1, "P1"), Fact(1, 2, "P2"), Fact(3, 0, "P3"), Fact(0, 1, "P2")]

    scores = end_to_end_scores([predicted], [facts], gold=[gold])

    assert (scores.mentions.precision, scores.mentions.recall) == (4 / 5, 4 / 5)
    assert (scores.entities_strict.precision, scores.entities_strict.recall) == (2 / 4, 2 / 3)
    assert (scores.entities_overlapping.precision, scores.entities_overlapping.recall) == (3 / 4, 1)
    assert (scores.facts_strict.precision, scores.facts_strict.recall) == (1 / 4, 1 / 3)
    assert (scores.facts_overlapping.precision, scores.facts_overlapping.recall) == (2 / 4, 2 / 3)


def test_the_order_of_entities_does_not_matter_and_undirected_facts_have_none() -> None:
    gold = document([0], [1], [2], facts=(Fact(0, 2, "P1"),), directed=False)

    for order in permutations(range(3)):
        predicted = document(*([each] for each in order), directed=False)
        ends = sorted((order.index(0), order.index(2)))
        scores = end_to_end_scores([predicted], [[Fact(ends[0], ends[1], "P1")]], gold=[gold])
        assert scores.facts_strict.f1 == scores.entities_strict.f1 == 1


def test_nothing_found_scores_nothing() -> None:
    scores = end_to_end_scores([document()], [[]], gold=[document([0], [1], facts=(Fact(0, 1, "P1"),))])

    assert (scores.mentions.f1, scores.entities_overlapping.f1, scores.facts_strict.f1) == (0, 0, 0)
