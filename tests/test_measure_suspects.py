"""What is measured of suspect labels: documents that two files share, and labels that are made wrong."""

from collections import Counter
from dataclasses import replace

from scripts.measure_suspects import plant, same_documents
from tests.evaluation.scored_documents import documents_at_random

DOCUMENTS = documents_at_random(60, seed=3)


def test_documents_are_the_same_by_words_and_entities() -> None:
    first, second, third = DOCUMENTS[:3]
    revised = [replace(third, facts=first.facts), replace(second, entities=second.entities[::-1])]

    found = same_documents([first, second, third], revised)

    assert found == {2: {fact.key for fact in first.facts or ()}}


def test_the_share_of_labels_is_wrong_and_no_other() -> None:
    labels = sum(len(each.facts or ()) for each in DOCUMENTS)

    changed, wrong = plant(DOCUMENTS, share=0.2, seed=5)

    before = {(index, *fact.key) for index, each in enumerate(DOCUMENTS) for fact in each.facts or ()}
    after = [(index, *fact.key) for index, each in enumerate(changed) for fact in each.facts or ()]
    assert len(after) == len(set(after)) == labels
    assert set(after) - before == {each.key for each in wrong}
    assert len(wrong) == round(0.2 * labels)
    kinds = Counter(each.kind for each in wrong)
    assert abs(kinds["object"] - kinds["relation"]) < 0.4 * len(wrong)
    known = {fact.relation for each in DOCUMENTS for fact in each.facts or ()}
    assert {each.key[3] for each in wrong} <= known


def test_a_seed_plants_the_same_labels() -> None:
    assert plant(DOCUMENTS, share=0.1, seed=1) == plant(DOCUMENTS, share=0.1, seed=1)
    assert plant(DOCUMENTS, share=0.1, seed=1)[1] != plant(DOCUMENTS, share=0.1, seed=2)[1]
