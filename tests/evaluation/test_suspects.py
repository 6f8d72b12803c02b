"""Facts ranked by made margins: which labels are doubted, which other facts are asserted, and in which order."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from atlop.evaluation import JudgedDocument, RankedFacts, Suspect, rank_facts, suspect_record
from atlop.evaluation.suspects import PRIOR
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


def keys(suspects: Sequence[Suspect]) -> list[tuple[int, int, int, str, float]]:
    return [(each.document, each.subject, each.object, each.relation, each.margin) for each in suspects]


def test_labels_are_ranked_by_doubt_and_all_other_facts_by_margin() -> None:
    margins = {(0, 2, "P131"): -4.0, (0, 1, "P17"): 3.0, (1, 2, "P27"): -7.5, (0, 2, "P17"): 2.0, (2, 1, "P27"): 5.0}

    ranked = rank_facts([judged(margins)], relations=RELATIONS, count=2)

    assert keys(ranked.labelled) == [(0, 1, 2, "P27", -7.5), (0, 0, 2, "P131", -4.0), (0, 0, 1, "P17", 3.0)]
    assert keys(ranked.unlabelled) == [(0, 2, 1, "P27", 5.0), (0, 0, 2, "P17", 2.0)]
    assert ranked.asserted == 2
    assert ranked.labelled[1].labelled == ("P131",)
    assert ranked.labelled[1].asserted == ("P17",)
    assert ranked.unlabelled[0].doubt is None


def test_doubt_is_the_log_share_below_the_mean_of_the_relation() -> None:
    first = {(0, 1, "P17"): -1.0, (0, 2, "P131"): -6.0, (1, 2, "P27"): 2.0, (0, 2, "P27"): 4.0}
    second = {(0, 1, "P17"): -3.0, (0, 2, "P131"): -7.0, (1, 2, "P27"): 1.0}

    ranked = rank_facts([judged(first), judged(second, index=1)], relations=RELATIONS, count=1)

    shares: dict[tuple[int, int, int, str], float] = {}
    for index, own in enumerate((first, second)):
        for subject, object_, relation in (fact.key for fact in TEXT.facts or ()):
            classes = [own.get((subject, object_, each), -9.0) for each in RELATIONS]
            total = math.log(1 + sum(map(math.exp, classes)))
            shares[index, subject, object_, relation] = own[subject, object_, relation] - total
    mean = sum(shares.values()) / len(shares)
    for each in ranked.labelled:
        same = [share for key, share in shares.items() if key[3] == each.relation]
        expected = (sum(same) + PRIOR * mean) / (len(same) + PRIOR)
        share = shares[each.document, each.subject, each.object, each.relation]
        assert each.doubt == pytest.approx(expected - share, rel=1e-6)
    assert [each.doubt for each in ranked.labelled] == sorted(
        (each.doubt or 0 for each in ranked.labelled), reverse=True
    )


def test_a_relation_that_the_model_hardly_knows_is_not_all_doubted() -> None:
    documents = [
        judged({(0, 2, "P131"): -9.0, (0, 1, "P17"): 4.0, (1, 2, "P27"): 4.0}, index=index) for index in range(9)
    ]
    wrong = judged({(0, 2, "P131"): -9.0, (0, 1, "P17"): -7.0, (1, 2, "P27"): 4.0}, index=9)

    ranked = rank_facts([*documents, wrong], relations=RELATIONS, count=1)

    assert keys(ranked.labelled)[0] == (9, 0, 1, "P17", -7.0)


def test_facts_without_a_label_are_the_first_of_all_documents_whatever_their_order() -> None:
    generator = np.random.default_rng(0)
    documents = []
    for index in range(20):
        each = judged({}, index=index)
        documents.append(replace(each, margins=generator.normal(size=each.margins.shape).astype(np.float32)))

    for order in (documents, documents[::-1]):
        ranked = rank_facts(order, relations=RELATIONS, count=15)
        facts = [fact.key for fact in TEXT.facts or ()]
        row_of = {pair: row for row, pair in enumerate(map(tuple, documents[0].pairs.tolist()))}
        every = {
            (each.index, subject, object_, relation): float(each.margins[row, column])
            for each in documents
            for (subject, object_), row in row_of.items()
            for column, relation in enumerate(RELATIONS)
        }
        unlabelled = sorted((margin for key, margin in every.items() if key[1:] not in facts), reverse=True)
        assert [each.margin for each in ranked.unlabelled] == unlabelled[:15]
        assert ranked.asserted == sum(margin > 0 for margin in unlabelled)
        assert {key[:4] for key in keys(ranked.labelled)} == {key for key in every if key[1:] in facts}
        for suspect in (*ranked.labelled, *ranked.unlabelled):
            key = suspect.document, suspect.subject, suspect.object, suspect.relation
            assert every[key] == suspect.margin


def test_margins_far_below_what_the_store_keeps_are_told_apart() -> None:
    margins = {(0, 1, "P17"): -31.0, (0, 2, "P131"): -30.0, (1, 2, "P27"): -32.0}

    ranked = rank_facts([judged(margins)], relations=RELATIONS, count=1)

    assert [each.margin for each in ranked.labelled] == [-32.0, -31.0, -30.0]


def test_an_undirected_fact_comes_once_in_either_order_of_its_label() -> None:
    undirected = replace(TEXT, directed=False, facts=(Fact(0, 1, "P17"), Fact(2, 1, "P27")))
    margins = {(0, 1, "P17"): 3.0, (1, 0, "P17"): 3.0, (0, 1, "P27"): 1.0, (1, 0, "P27"): 1.0}

    ranked = rank_facts([judged(margins, item=undirected)], relations=RELATIONS, count=1)

    assert keys(ranked.labelled) == [(0, 1, 2, "P27", -9.0), (0, 0, 1, "P17", 3.0)]
    assert keys(ranked.unlabelled) == [(0, 0, 1, "P27", 1.0)]
    assert ranked.asserted == 1


def test_what_has_no_margin_or_no_labels_is_left_out() -> None:
    unlabelled = judged({(0, 1, "P17"): 5.0}, item=replace(TEXT, facts=None))
    listed = replace(TEXT, pairs=((0, 2),))
    ranked = rank_facts([unlabelled, judged({}, item=listed, index=1)], relations=("P17", "P131", "X"), count=9)

    assert keys(ranked.labelled) == [(1, 0, 2, "P131", -9.0)]
    assert {each.document for each in ranked.unlabelled} == {1}


@pytest.mark.parametrize("empty", [[], [judged({}, item=document("A .", entities=[[(0, 0, 1)]]))]])
def test_without_facts_nothing_is_suspect(empty: list[JudgedDocument]) -> None:
    assert rank_facts(empty, relations=RELATIONS, count=5) == RankedFacts((), (), 0)


def test_a_record_has_names_and_the_sentences_of_both_entities() -> None:
    [suspect] = [
        each
        for each in rank_facts(
            [judged({(0, 2, "P131"): -4.1239, (0, 2, "P17"): 2.0}, others=-1.0)], relations=RELATIONS, count=1
        ).labelled
        if each.relation == "P131"
    ]

    record = suspect_record(suspect, document=TEXT, names={"P131": "located in"})

    assert record.pop("doubt") == round(suspect.doubt or 0, 3) > 0

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
