"""Suspect labels from made margins: who is denied, who is asserted, and in which order."""

from dataclasses import replace

import numpy as np
import pytest

from atlop.evaluation import JudgedDocument, RankedSuspects, rank_suspects, suspect_record
from atlop.preprocessing import pairs_to_classify
from atlop.schema import Document, Fact
from tests.made_documents import document

RELATIONS = ("P17", "P131", "P27")
TEXT = document(
    "Skai TV is Greek .", "Nothing here .", "It is in Piraeus .",
    entities=[[(0, 0, 2), (2, 0, 1)], [(0, 3, 4)], [(2, 3, 4)]],
    facts=[(0, 2, "P131"), (0, 1, "P17"), (1, 2, "P27")], title="skai",
)  # fmt: skip


def judged(
    margins: dict[tuple[int, int, str], float], *, item: Document = TEXT, index: int = 0, others: float = -9.0
) -> JudgedDocument:
    """Return a document whose margins are these, and the same for all other facts."""
    pairs = pairs_to_classify(item)
    row_of = {pair: row for row, pair in enumerate(map(tuple, pairs.tolist()))}
    values = np.full((len(pairs), len(RELATIONS)), others, np.float32)
    for (subject, object_, relation), margin in margins.items():
        values[row_of[subject, object_], RELATIONS.index(relation)] = margin
    return JudgedDocument(index, item, pairs, values)


def keys(ranked: RankedSuspects, kind: str) -> list[tuple[int, int, int, str, float]]:
    return [(each.document, each.subject, each.object, each.relation, each.margin) for each in getattr(ranked, kind)]


def test_labels_with_low_margins_are_denied_and_facts_without_a_label_with_high_ones_asserted() -> None:
    margins = {(0, 2, "P131"): -4.0, (0, 1, "P17"): 3.0, (1, 2, "P27"): -7.5, (0, 2, "P17"): 2.0, (2, 1, "P27"): 5.0}

    ranked = rank_suspects([judged(margins)], relations=RELATIONS, count=2)

    assert keys(ranked, "denied") == [(0, 1, 2, "P27", -7.5), (0, 0, 2, "P131", -4.0)]
    assert keys(ranked, "asserted") == [(0, 2, 1, "P27", 5.0), (0, 0, 2, "P17", 2.0)]
    assert (ranked.labels, ranked.denied_count, ranked.asserted_count) == (3, 2, 2)
    assert ranked.denied[1].labelled == ("P131",)
    assert ranked.denied[1].asserted == ("P17",)


def test_the_first_of_all_documents_are_returned_whatever_their_order() -> None:
    generator = np.random.default_rng(0)
    documents = []
    for index in range(20):
        each = judged({}, index=index)
        documents.append(replace(each, margins=generator.normal(size=each.margins.shape).astype(np.float32)))

    for order in (documents, documents[::-1]):
        ranked = rank_suspects(order, relations=RELATIONS, count=15)
        facts = [fact.key for fact in TEXT.facts or ()]
        row_of = {pair: row for row, pair in enumerate(map(tuple, documents[0].pairs.tolist()))}
        every = {
            (each.index, subject, object_, relation): float(each.margins[row, column])
            for each in documents
            for (subject, object_), row in row_of.items()
            for column, relation in enumerate(RELATIONS)
        }
        labelled = sorted(margin for key, margin in every.items() if key[1:] in facts)
        unlabelled = sorted((margin for key, margin in every.items() if key[1:] not in facts), reverse=True)
        assert [each.margin for each in ranked.denied] == labelled[:15]
        assert [each.margin for each in ranked.asserted] == unlabelled[:15]
        assert ranked.denied_count == sum(margin <= 0 for margin in labelled)
        assert ranked.asserted_count == sum(margin > 0 for margin in unlabelled)
        for suspect in (*ranked.denied, *ranked.asserted):
            key = suspect.document, suspect.subject, suspect.object, suspect.relation
            assert every[key] == suspect.margin


def test_margins_far_below_what_the_store_keeps_are_told_apart() -> None:
    ranked = rank_suspects(
        [judged({(0, 1, "P17"): -31.0, (0, 2, "P131"): -30.0, (1, 2, "P27"): -32.0})], relations=RELATIONS, count=3
    )

    assert [each.margin for each in ranked.denied] == [-32.0, -31.0, -30.0]


def test_an_undirected_fact_comes_once_in_either_order_of_its_label() -> None:
    undirected = replace(TEXT, directed=False, facts=(Fact(0, 1, "P17"), Fact(2, 1, "P27")))
    margins = {(0, 1, "P17"): 3.0, (1, 0, "P17"): 3.0, (0, 1, "P27"): 1.0, (1, 0, "P27"): 1.0}

    ranked = rank_suspects([judged(margins, item=undirected)], relations=RELATIONS, count=1)

    assert keys(ranked, "denied") == [(0, 1, 2, "P27", -9.0)]
    assert keys(ranked, "asserted") == [(0, 0, 1, "P27", 1.0)]
    assert (ranked.labels, ranked.denied_count, ranked.asserted_count) == (2, 1, 1)


def test_what_has_no_margin_or_no_labels_is_left_out() -> None:
    unlabelled = judged({(0, 1, "P17"): 5.0}, item=replace(TEXT, facts=None))
    listed = replace(TEXT, pairs=((0, 2),))
    known = rank_suspects([unlabelled, judged({}, item=listed, index=1)], relations=("P17", "P131", "X"), count=9)

    assert keys(known, "denied") == [(1, 0, 2, "P131", -9.0)]
    assert {each.document for each in known.asserted} == {1}
    assert known.labels == 1


@pytest.mark.parametrize("empty", [[], [judged({}, item=document("A .", entities=[[(0, 0, 1)]]))]])
def test_without_facts_nothing_is_suspect(empty: list[JudgedDocument]) -> None:
    assert rank_suspects(empty, relations=RELATIONS, count=5) == RankedSuspects((), (), 0, 0, 0)


def test_a_record_has_names_and_the_sentences_of_both_entities() -> None:
    ranked = rank_suspects(
        [judged({(0, 2, "P131"): -4.1239, (0, 2, "P17"): 2.0}, others=-1.0)], relations=RELATIONS, count=1
    )

    record = suspect_record(ranked.denied[0], document=TEXT, names={"P131": "located in"})

    assert record == {
        "document": 0,
        "title": "skai",
        "subject": {"entity": 0, "name": "Skai TV", "type": "PER"},
        "object": {"entity": 2, "name": "Piraeus", "type": "PER"},
        "relation": "P131",
        "relation_name": "located in",
        "margin": -4.124,
        "labelled": ["P131"],
        "asserted": ["P17"],
        "sentences": [
            {"sentence": 0, "text": "Skai TV is Greek ."},
            {"sentence": 2, "text": "It is in Piraeus ."},
        ],
    }
