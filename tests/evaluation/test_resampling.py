"""Intervals and p values equal those of a slow loop over samples."""

import numpy as np
import pytest
from numpy.typing import NDArray

from atlop.evaluation import resampling
from atlop.evaluation.micro import F1, compute_metrics
from atlop.evaluation.resampling import RESAMPLES, bootstrap, interval, randomisation_test

GENERATOR = np.random.default_rng(5)


def counts_at_random(documents: int, *, share: float) -> NDArray[np.int64]:
    """Make counts of two groups, `[documents, 2, 4]`."""
    gold = GENERATOR.integers(0, 30, (documents, 2))
    submitted = GENERATOR.integers(0, 30, (documents, 2))
    correct = (np.minimum(gold, submitted) * share).astype(np.int64)
    return np.stack([correct, submitted, gold, correct // 3], axis=-1)


def f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """From counts `[..., groups, 4]`."""
    return compute_metrics(counts)[..., F1]


def f1_of(counts: NDArray[np.int64]) -> float:
    """F1 of the first group, from `[documents, 2, 4]`, in plain numbers."""
    correct, submitted, gold, _ = (sum(int(row[0][column]) for row in counts) for column in range(4))
    return 2 * correct / (submitted + gold)


COUNTS = counts_at_random(40, share=0.8)


def test_a_bootstrap_sample_is_as_many_documents_drawn_with_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = bootstrap(COUNTS, statistic=f1)

    generator = np.random.default_rng(resampling.SEED)
    drawn = generator.integers(len(COUNTS), size=(250, len(COUNTS)))
    assert samples.shape == (RESAMPLES, 2)
    assert samples[:250, 0].tolist() == pytest.approx([f1_of(COUNTS[sample]) for sample in drawn], abs=1e-12)


def test_the_interval_holds_the_middle_of_the_samples() -> None:
    samples = bootstrap(COUNTS, statistic=f1)
    low, high = interval(samples)

    outside = (samples < low).mean(axis=0), (samples > high).mean(axis=0)
    assert np.allclose(outside, 0.025, atol=0.001)
    assert (low < f1(COUNTS.sum(axis=0))).all()
    assert (f1(COUNTS.sum(axis=0)) < high).all()


def test_an_interval_covers_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 500)
    many = counts_at_random(4000, share=0.7)
    truth = f1_of(many)
    covered = 0
    for _ in range(200):
        low, high = interval(bootstrap(many[GENERATOR.integers(len(many), size=60)], statistic=f1))
        covered += bool(low[0] <= truth <= high[0])

    assert 0.88 <= covered / 200 <= 0.99


def test_the_same_results_give_the_same_intervals() -> None:
    assert np.array_equal(bootstrap(COUNTS, statistic=f1), bootstrap(COUNTS, statistic=f1))


def test_the_randomisation_test_exchanges_results_by_document(monkeypatch: pytest.MonkeyPatch) -> None:
    other = COUNTS.copy()
    other[:, :, 0] = np.maximum(COUNTS[:, :, 0] - GENERATOR.integers(-1, 3, COUNTS.shape[:2]), 0)

    [p, _] = randomisation_test(COUNTS, other, first_statistic=f1, second_statistic=f1)

    generator = np.random.default_rng(8)
    as_much, observed = 0, abs(f1_of(COUNTS) - f1_of(other))
    for _ in range(2000):
        exchanged = generator.random(len(COUNTS)) < 0.5
        one = np.where(exchanged[:, None, None], other, COUNTS)
        two = np.where(exchanged[:, None, None], COUNTS, other)
        as_much += abs(f1_of(one) - f1_of(two)) >= observed - 1e-12
    assert 0.0 < p < 0.5
    assert p == pytest.approx(as_much / 2000, abs=0.03)


def test_of_one_result_with_itself_p_is_1() -> None:
    assert randomisation_test(COUNTS, COUNTS, first_statistic=f1, second_statistic=f1).tolist() == [1.0, 1.0]


def test_p_is_small_where_one_result_is_better_everywhere() -> None:
    worse = COUNTS.copy()
    worse[:, :, 0] //= 2

    p = randomisation_test(COUNTS, worse, first_statistic=f1, second_statistic=f1)

    assert (p < 0.001).all()
    assert (p >= 1 / (RESAMPLES + 1)).all()
