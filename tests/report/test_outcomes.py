"""Each fact that is gold or found has one outcome."""

from atlop.report.outcomes import outcomes
from atlop.schema import Fact
from tests.made_documents import document

DOCUMENT = document(
    "a b c", entities=[[(0, 0, 1)], [(0, 1, 2)], [(0, 2, 3)]], facts=[(0, 1, "P1"), (0, 1, "P2"), (1, 2, "P1")]
)


def test_found_facts_are_right_reversed_confused_or_unrelated() -> None:
    found = [Fact(0, 1, "P1"), Fact(1, 0, "P2"), Fact(0, 1, "P3"), Fact(2, 0, "P1")]

    assert outcomes(DOCUMENT, found=found) == {
        (0, 1, "P1"): "right",
        (0, 1, "P2"): "missed",
        (1, 2, "P1"): "missed",
        (1, 0, "P2"): "reversed",
        (0, 1, "P3"): "confused",
        (2, 0, "P1"): "unrelated",
    }


def test_a_relation_found_in_both_directions_is_reversed_where_another_one_holds() -> None:
    both = document("a b", entities=[[(0, 0, 1)], [(0, 1, 2)]], facts=[(0, 1, "P1"), (1, 0, "P2")])

    assert outcomes(both, found=[Fact(1, 0, "P1")])[1, 0, "P1"] == "reversed"


def test_without_found_facts_all_gold_ones_are_missed() -> None:
    assert set(outcomes(DOCUMENT, found=[]).values()) == {"missed"}
