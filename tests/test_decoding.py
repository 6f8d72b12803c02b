"""Decisions on pairs become facts."""

import numpy as np

from atlop.decoding import decoded_facts
from atlop.preprocessing.pairs import ordered_pairs
from atlop.schema import Fact
from tests.made_documents import VOCABULARY


def test_every_decided_class_of_a_pair_is_a_fact() -> None:
    decisions = np.zeros((6, 4), dtype=bool)
    decisions[0, 2] = decisions[3, 1] = decisions[3, 3] = decisions[5, 3] = True
    assert decoded_facts(decisions, pairs=ordered_pairs(3), vocabulary=VOCABULARY) == (
        Fact(0, 1, "P131"),
        Fact(1, 2, "P17"),
        Fact(1, 2, "P27"),
        Fact(2, 1, "P27"),
    )


def test_facts_hold_plain_numbers_that_json_can_write() -> None:
    (fact,) = decoded_facts(np.array([[False, True]]), pairs=np.array([[4, 2]], dtype=np.int32), vocabulary=VOCABULARY)
    assert type(fact.subject) is int
    assert type(fact.object) is int
    assert fact.evidence == ()


def test_no_decision_is_no_fact() -> None:
    assert decoded_facts(np.zeros((2, 4), dtype=bool), pairs=ordered_pairs(2), vocabulary=VOCABULARY) == ()
    assert decoded_facts(np.zeros((0, 4), dtype=bool), pairs=ordered_pairs(1), vocabulary=VOCABULARY) == ()
