"""A comparison has the scores of each result; differences are second minus first."""

from dataclasses import asdict

import pytest

from atlop.evaluation import Comparison, compare, detailed_scores, fact_table
from tests.evaluation.scored_documents import documents_at_random, predictions_at_random

DOCUMENTS = documents_at_random(60, seed=1)
WORSE = predictions_at_random(DOCUMENTS, seed=2, share=0.4)
BETTER = predictions_at_random(DOCUMENTS, seed=3, share=0.8)
SEEN = frozenset(triple for each in DOCUMENTS[::3] for triple in each.name_triples())
FREQUENCY = {"P1": 1000, "P2": 500, "P3": 199, "P4": 100, "P5": 99}
TABLES = [fact_table(DOCUMENTS, predictions=each, train_facts=SEEN) for each in (WORSE, BETTER)]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(*TABLES, documents=DOCUMENTS, train_frequency=FREQUENCY)


def test_each_side_has_the_scores_that_it_has_alone(comparison: Comparison) -> None:
    for table, side in zip(TABLES, ("first", "second"), strict=True):
        alone = asdict(detailed_scores(table, documents=DOCUMENTS, train_frequency=FREQUENCY))
        alone["all"] = {"all": alone["all"]}
        for kind, groups in comparison.items():
            assert {label: getattr(group.f1, side) for label, group in groups.items()} == {
                label: group["f1"]["value"] for label, group in alone[kind].items()
            }


def test_a_clearly_better_result_is_told_from_chance(comparison: Comparison) -> None:
    f1 = comparison["all"]["all"].f1

    assert f1.difference == f1.second - f1.first > 0
    assert 0 < f1.low < f1.difference < f1.high
    assert f1.p < 0.001


def test_the_other_way_round_differences_have_the_other_sign(comparison: Comparison) -> None:
    turned = compare(*TABLES[::-1], documents=DOCUMENTS, train_frequency=FREQUENCY)

    ours, theirs = comparison["sentences"]["across"].f1, turned["sentences"]["across"].f1
    assert (ours.difference, ours.low, ours.high) == pytest.approx((-theirs.difference, -theirs.high, -theirs.low))
    assert ours.p == theirs.p


def test_results_of_one_system_with_another_seed_do_not_differ() -> None:
    again = fact_table(DOCUMENTS, predictions=predictions_at_random(DOCUMENTS, seed=4, share=0.4), train_facts=SEEN)

    f1 = compare(TABLES[0], again, documents=DOCUMENTS, train_frequency=None)["all"]["all"].f1

    assert f1.low < 0 < f1.high
    assert f1.p > 0.05


def test_one_result_does_not_differ_from_itself() -> None:
    groups = compare(TABLES[0], TABLES[0], documents=DOCUMENTS, train_frequency=None)

    for group in groups["distance"].values():
        assert (group.f1.difference, group.f1.low, group.f1.high, group.f1.p) == (0.0, 0.0, 0.0, 1.0)


def test_without_train_facts_ign_f1_is_left_out() -> None:
    tables = [fact_table(DOCUMENTS, predictions=each, train_facts=None) for each in (WORSE, BETTER)]

    assert compare(*tables, documents=DOCUMENTS, train_frequency=None)["all"]["all"].ign_f1 is None
