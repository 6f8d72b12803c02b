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


def token(label: str, start: int, end: int) -> dict[str, Any]:
    """Return a token as transformers' NER pipeline does without aggregation."""
    return {"entity": label, "score": 0.9, "index": start, "word": "##a", "start": start, "end": end}


def test_the_tokens_of_a_name_are_one_mention() -> None:
    text = "Anna-Lena Berg met Bonn Paris in Bonn."
    labels = [("B-PER", 0, 2), ("I-PER", 2, 4), ("I-PER", 4, 5), ("I-PER", 5, 9), ("I-PER", 10, 14)]
    places = [("B-LOC", 19, 23), ("B-LOC", 24, 29), ("I-ORG", 33, 35), ("I-LOC", 35, 37)]
    tokens = [token(*each) for each in (*labels, *places)]

    found, numbers = grouped_entities({"entities": tokens}, text=text, group_by=None, where="here")

    assert [(mention["type"], mention["spans"]) for entity in found for mention in entity["mentions"]] == [
        *(("PER", [[0, 14]]), ("LOC", [[19, 23]]), ("LOC", [[24, 29]]), ("ORG", [[33, 35]]), ("LOC", [[35, 37]])),
    ]
    assert numbers == (0, 0, 0, 0, 0, 1, 2, 3, 4)


def test_tokens_without_prefixes_are_joined_where_only_space_is_between_them() -> None:
    [bonn, germany] = grouped([token("LOC", 0, 2), token("LOC", 2, 4), token("LOC", 10, 18), token("LOC", 36, 40)])

    assert [mention["spans"] for mention in bonn["mentions"]] == [[[0, 4]], [[36, 40]]]
    assert [mention["spans"] for mention in germany["mentions"]] == [[[10, 18]]]


def test_what_transformers_aggregated_is_grouped_as_it_is() -> None:
    [entity] = grouped([{"entity_group": "LOC", "score": 0.9, "word": "bonn", "start": 0, "end": 4}])

    assert entity == {"mentions": [{"spans": [[0, 4]], "type": "LOC"}]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{**token("B-LOC", 0, 4), "start": None}], 'here, mention 0, "start": expected a whole number, found null'),
        ([token("LOC", 0, 2), token("LOC", 2, 400)], "here, mention 0, span 0: ends at character 400"),
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
