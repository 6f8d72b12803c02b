"""Means over runs and differences of settings, compared with plain means and samples of documents."""

import numpy as np
import pytest

from atlop.evaluation import FactTable, fact_table, mean_difference, mean_scores, official_scores
from atlop.schema import Document
from tests.evaluation.scored_documents import documents_at_random, predictions_at_random

DOCUMENTS = documents_at_random(30, seed=0)
SEEN = frozenset(triple for document in DOCUMENTS[:8] for triple in document.name_triples())


def tables(*seeds: int, share: float, documents: list[Document] = DOCUMENTS) -> list[FactTable]:
    predictions = [predictions_at_random(documents, seed=seed, share=share) for seed in seeds]
    return [fact_table(documents, predictions=each, train_facts=SEEN) for each in predictions]


def test_the_mean_is_that_of_the_official_scores() -> None:
    scores = [
        official_scores(DOCUMENTS, predictions=predictions_at_random(DOCUMENTS, seed=seed, share=0.6), train_facts=SEEN)
        for seed in (1, 2, 3)
    ]
    f1, ign_f1 = mean_scores(tables(1, 2, 3, share=0.6))
    assert f1.value == pytest.approx(np.mean([each.f1 for each in scores]))
    assert ign_f1.value == pytest.approx(np.mean([each.ign_f1 or 0 for each in scores]))


def test_the_interval_is_that_of_means_over_documents_drawn_anew() -> None:
    several, draw = tables(1, 2, share=0.6), np.random.default_rng(5)
    counts = np.concatenate([table.counts() for table in several], axis=1)
    means = []
    for _ in range(2_000):
        correct, submitted, gold, _ = counts[draw.integers(30, size=30)].sum(axis=0).T
        means.append((2 * correct / (submitted + gold)).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    f1, _ = mean_scores(several)
    assert (f1.low, f1.high) == pytest.approx((low, high), abs=0.01)


def test_a_difference_is_that_of_the_means_and_turns_with_the_order() -> None:
    worse, better = tables(1, 2, share=0.4), tables(3, 4, share=0.7)
    found, turned = mean_difference(worse, better), mean_difference(better, worse)
    assert found.difference == pytest.approx(mean_scores(better)[0].value - mean_scores(worse)[0].value)
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_a_setting_does_not_differ_from_itself() -> None:
    same = tables(1, 2, share=0.6)
    found = mean_difference(same, same)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
