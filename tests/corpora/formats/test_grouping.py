"""Mentions in any of the ways that callers have them become entities."""

from typing import Any

import pytest

from atlop.corpora.formats.json_lines.grouping import grouped_entities
from atlop.errors import AtlopError
from atlop.json_values import as_json_value

TEXT = "Bonn and  New\nYork and New York and Bonn"


def grouped(value: object, *, group_by: str | None = None) -> list[Any]:
    return grouped_entities({"entities": as_json_value(value)}, text=TEXT, group_by=group_by, where="here")[0]


def test_groups_stay_as_they_are() -> None:
    entities = [{"mentions": [[0, 4], {"spans": [[10, 13]]}], "type": "LOC", "id": "Q586"}, {"mentions": [[23, 31]]}]

    assert grouped(entities) == entities
    assert grouped([[(0, 4), (36, 40)], [(23, 31)]]) == [{"mentions": [[0, 4], [36, 40]]}, {"mentions": [[23, 31]]}]


def test_ungrouped_mentions_of_identical_text_are_one_entity_whatever_the_space_in_it() -> None:
    assert [
        [mention["spans"] for mention in entity["mentions"]]
        for entity in grouped([(0, 4), (10, 18), (23, 31), (36, 40)])
    ] == [[[[0, 4]], [[36, 40]]], [[[10, 18]], [[23, 31]]]]


def test_ungrouped_mentions_are_grouped_by_a_key_and_by_text_where_they_have_none() -> None:
    mentions: list[dict[str, Any]] = [
        {"start": 0, "end": 4, "type": "LOC", "kb": 586},
        {"start": 10, "end": 18, "kb": 586, "type": "GPE"},
        {"start": 23, "end": 31, "kb": None},
        {"spans": [[36, 40]], "kb": ""},
    ]

    one, two, three = grouped(mentions, group_by="kb")

    assert one == {
        "id": "586",
        "mentions": [{"spans": [[0, 4]], "type": "LOC"}, {"spans": [[10, 18]], "type": "GPE"}],
    }
    assert [two, three] == [{"mentions": [{"spans": [[23, 31]]}]}, {"mentions": [{"spans": [[36, 40]]}]}]


def test_values_that_are_canonically_equivalent_are_one_entity() -> None:
    text = "Caf\u00e9, Cafe\u0301"
    mentions = [{"start": 0, "end": 4, "kb": "\u00e9"}, {"start": 6, "end": 11, "kb": "e\u0301"}]

    for key in (None, "kb"):
        [entity], numbers = grouped_entities({"entities": mentions}, text=text, group_by=key, where="here")
        assert (len(entity["mentions"]), numbers) == (2, (0, 0))


def test_the_first_id_of_a_group_is_its_own() -> None:
    [entity] = grouped([{"start": 0, "end": 4}, {"start": 36, "end": 40, "id": "Q586"}])

    assert entity["id"] == "Q586"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Bonn", 'here, "entities": expected a list, found "Bonn"'),
        ([{"start": 0}], 'here, mention 0: key "end" is missing'),
        ([{"start": 0, "end": 4, "kb": [1]}], 'here, mention 0, "kb": expected a string or a whole number'),
        ([(0, 4), (0, 400)], "here, mention 1, span 0: ends at character 400"),
        (
            [(0, 4), {"mentions": [[10, 18]]}],
            "here, entity 1: is a group of mentions, but entity 0 is an ungrouped mention",
        ),
    ],
)
def test_what_is_malformed_is_named(value: object, message: str) -> None:
    with pytest.raises(AtlopError, match=message.replace("(", r"\(").replace("[", r"\[")):
        grouped(value, group_by="kb")
