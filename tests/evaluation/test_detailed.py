"""Detailed scores equal a slow count; those of all facts equal the official scores exactly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pytest

from atlop.corpora import corpus_statistics, read_corpus
from atlop.evaluation import DetailedScores, GroupScores, detailed_scores, fact_table, official_scores
from atlop.schema import Document, Fact
from tests.evaluation.scored_documents import (
    FactFilter,
    count_scores,
    documents_at_random,
    harmonic,
    mentions_of,
    predictions_at_random,
    share_a_sentence,
    words_between,
)
from tests.made_documents import document

DOCUMENTS = documents_at_random(60, seed=1)
PREDICTIONS = predictions_at_random(DOCUMENTS, seed=2, share=0.6)
SEEN = frozenset(triple for each in DOCUMENTS[::3] for triple in each.name_triples())
FREQUENCY = {"P1": 1000, "P2": 500, "P3": 199, "P4": 100, "P5": 99}


def detailed(
    documents: Sequence[Document] = DOCUMENTS,
    predictions: Sequence[Sequence[Fact]] = PREDICTIONS,
    *,
    frequency: dict[str, int] | None = None,
    unknown: int = 0,
) -> DetailedScores:
    table = fact_table(documents, predictions=predictions, train_facts=SEEN, unknown=unknown)
    return detailed_scores(table, documents=documents, train_frequency=frequency)


@cache
def all_scores(*, with_frequency: bool = False) -> DetailedScores:
    """Return the scores of all documents, computed once for all tests."""
    return detailed(frequency=FREQUENCY if with_frequency else None)


def assert_same_counts(found: GroupScores, is_selected: FactFilter) -> None:
    expected = count_scores(DOCUMENTS, PREDICTIONS, is_selected=is_selected, train_facts=SEEN)
    assert found.ign_f1 is not None
    values = {"f1": found.f1.value, "precision": found.precision.value, "recall": found.recall.value}
    counts = {"correct": found.correct, "submitted": found.submitted, "gold": found.gold}
    assert {**values, "ign_f1": found.ign_f1.value, **counts} == pytest.approx(expected, abs=1e-12)


def test_on_the_whole_the_scores_are_the_official_ones_exactly() -> None:
    official = official_scores(DOCUMENTS, predictions=PREDICTIONS, train_facts=SEEN, unknown=7)

    found = detailed(unknown=7).all

    assert found.ign_f1 is not None
    assert (found.f1.value, found.precision.value, found.recall.value) == (
        official.f1,
        official.precision,
        official.recall,
    )
    assert found.ign_f1.value == official.ign_f1
    assert (found.correct, found.submitted, found.gold) == (official.correct, official.submitted, official.gold)


def test_a_pair_is_within_a_sentence_when_any_two_mentions_share_one() -> None:
    found = all_scores().sentences

    assert_same_counts(found["within"], share_a_sentence)
    assert_same_counts(found["across"], lambda item, key: not share_a_sentence(item, key))


def test_mentions_are_those_of_both_entities_together() -> None:
    found = all_scores().mentions
    bounds = {"2": (2, 2), "3": (3, 3), "4": (4, 4), "5-8": (5, 8), "9-16": (9, 16), "17+": (17, 10_000)}

    assert list(found) == list(bounds)
    for label, (low, high) in bounds.items():
        assert_same_counts(
            found[label],
            lambda item, key, low=low, high=high: (  # type: ignore[misc]
                low <= len(mentions_of(item, key[0])) + len(mentions_of(item, key[1])) <= high
            ),
        )


def test_distance_is_the_words_between_the_closest_mentions() -> None:
    found = all_scores().distance
    bounds = {"0-4": (0, 4), "5-9": (5, 9), "10-24": (10, 24), "25-49": (25, 49), "50-99": (50, 99), "100+": (100, 999)}

    assert list(found) == list(bounds)
    assert found["10-24"].gold > 0
    for label, (low, high) in bounds.items():
        assert_same_counts(
            found[label],
            lambda item, key, low=low, high=high: low <= words_between(item, key) <= high,  # type: ignore[misc]
        )


@pytest.mark.parametrize(
    ("subject", "object_", "words"),
    [
        ((0, 0, 2), (0, 2, 3), "0-4"),  # they touch
        ((0, 0, 3), (0, 1, 2), "0-4"),  # one in the other
        ((0, 0, 1), (0, 6, 7), "5-9"),
        ((1, 6, 7), (0, 0, 1), "10-24"),  # 7 words of one sentence and 6 of the other
    ],
)
def test_words_are_counted_through_the_document(
    subject: tuple[int, int, int], object_: tuple[int, int, int], words: str
) -> None:
    made = document("a b c d e f g h", "i j k l m n o p", entities=[[subject], [object_]], facts=[(0, 1, "P1")])

    found = detailed([made], [[]]).distance

    assert [label for label, group in found.items() if group.gold] == [words]


def test_each_relation_has_its_scores_support_and_train_frequency() -> None:
    found = all_scores(with_frequency=True).relations
    support = Counter(fact.relation for item in DOCUMENTS for fact in item.facts or ())

    assert list(found) == [*sorted(support, key=lambda relation: (-support[relation], relation)), "P9"]
    assert {relation: group.gold for relation, group in found.items()} == {**support, "P9": 0}
    assert {relation: group.train for relation, group in found.items()} == {
        relation: FREQUENCY.get(relation, 0) for relation in found
    }
    for relation, group in found.items():
        assert_same_counts(group, lambda _, key, relation=relation: key[2] == relation)  # type: ignore[misc]


def test_macro_scores_are_means_over_relations_with_gold_facts() -> None:
    scores = all_scores(with_frequency=True)
    f1 = {relation: group.f1.value for relation, group in scores.relations.items() if group.gold}

    assert set(f1) == {"P1", "P2", "P3", "P4", "P5", "P6"}
    averaged = {"all": f1, "below 500": set(f1) - {"P1", "P2"}, "below 200": {"P3", "P4", "P5", "P6"}}
    for label, relations in {**averaged, "below 100": {"P5", "P6"}}.items():
        mean = scores.macro[label]
        assert mean.relations == len(relations)
        assert mean.f1.value == pytest.approx(sum(f1[relation] for relation in relations) / len(relations))
    assert set(all_scores().macro) == {"all"}


def test_facts_under_unknown_titles_lower_the_whole_alone() -> None:
    known, both = all_scores(), detailed(unknown=50)

    assert both.all.submitted == known.all.submitted + 50
    assert both.all.precision.value < known.all.precision.value
    assert both.all.precision.high < known.all.precision.high
    assert (both.sentences, both.relations, both.macro) == (known.sentences, known.relations, known.macro)


def test_without_train_facts_there_is_no_ign_f1_and_no_frequency() -> None:
    table = fact_table(DOCUMENTS, predictions=PREDICTIONS, train_facts=None)

    scores = detailed_scores(table, documents=DOCUMENTS, train_frequency=None)

    assert scores.all.ign_f1 is None
    assert {group.train for group in scores.relations.values()} == {None}


@pytest.mark.parametrize(
    ("documents", "predictions"),
    [([], []), ([replace(DOCUMENTS[0], facts=())], [[]]), ([replace(DOCUMENTS[0], facts=())], [[Fact(0, 1, "P1")]])],
    ids=["no document", "no fact", "no gold fact"],
)
def test_nothing_to_find_scores_zero(documents: list[Document], predictions: list[list[Fact]]) -> None:
    scores = detailed(documents, predictions, frequency=FREQUENCY)

    assert (scores.all.f1.value, scores.all.f1.low, scores.all.f1.high) == (0.0, 0.0, 0.0)
    assert scores.macro["all"].f1.value == 0.0
    assert scores.macro["all"].relations == 0


def test_the_order_of_the_documents_changes_no_score() -> None:
    turned = detailed(DOCUMENTS[::-1], PREDICTIONS[::-1])

    for kind in ("sentences", "mentions", "distance", "relations"):
        ours, theirs = asdict(all_scores())[kind], asdict(turned)[kind]
        assert {label: group["f1"]["value"] for label, group in ours.items()} == {
            label: group["f1"]["value"] for label, group in theirs.items()
        }


CORPORA = {
    "Re-DocRED": "redocred/dev_revised.json",
    "DWIE": "dwie/dev.json",
    "CDR": "cdr/CDR_DevelopmentSet.PubTator.txt",
    "CDR of the paper": "cdr/dev_filter.data",
    "GDA of the paper": "gda/sample200.data",
    "BioRED": "biored/Dev.PubTator",
}


@pytest.mark.parametrize("name", CORPORA)
def test_on_a_real_corpus_groups_are_the_whole_and_distances_those_of_a_slow_count(real_data: Path, name: str) -> None:
    documents = read_corpus(real_data / CORPORA[name]).documents
    predictions = [(item.facts or ())[::2] for item in documents]

    scores = detailed(documents, predictions)

    official = official_scores(documents, predictions=predictions, train_facts=SEEN)
    assert (scores.all.f1.value, scores.all.correct) == (official.f1, official.correct)
    for groups in (scores.sentences, scores.mentions, scores.distance, scores.relations):
        assert sum(group.gold for group in groups.values()) == official.gold
        assert sum(group.correct for group in groups.values()) == official.correct
    facts = [(item, fact.key) for item in documents for fact in item.facts or ()]
    assert scores.sentences["within"].gold == sum(share_a_sentence(*fact) for fact in facts)
    assert scores.sentences["across"].gold == round(
        (corpus_statistics(documents).cross_sentence_share or 0) * len(facts)
    )
    assert scores.distance["10-24"].gold == sum(10 <= words_between(*fact) <= 24 for fact in facts)


def test_macro_f1_is_no_mean_of_precision_and_recall() -> None:
    mean = all_scores().macro["all"]

    assert mean.f1.value != pytest.approx(harmonic(mean.precision.value, mean.recall.value), abs=1e-6)
