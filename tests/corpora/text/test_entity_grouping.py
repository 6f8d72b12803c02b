"""Mentions are grouped by their names as a reader would, and not beyond what names say."""

import random

import pytest

from atlop.corpora.text.entity_grouping import NamedMention, group_mentions


def groups(text: str, *mentions: tuple[str, ...], clusters: dict[int, int] | None = None) -> list[int]:
    """Group mentions given as name, type and identifier, each the next occurrence of its name."""
    end, named = 0, []
    for index, (name, type_, *identifier) in enumerate(mentions):
        start = text.index(name, end)
        end = start + len(name)
        cluster = (clusters or {}).get(index)
        named.append(NamedMention(((start, end),), type_, identifier[0] if identifier else None, cluster))
    return group_mentions(named, text=text)


def test_the_same_words_are_one_entity_whatever_case_article_and_possessive_ending() -> None:
    text = "The Netherlands grow. Rain on the Netherlands; the NETHERLANDS’ dikes, Netherlands's coast, Nether."
    names = ("The Netherlands", "Netherlands", "the NETHERLANDS’", "Netherlands's", "Nether")

    assert groups(text, *((name, "LOC") for name in names)) == [0, 0, 0, 0, 1]


def test_full_stops_of_abbreviations_do_not_count_and_those_of_numbers_do() -> None:
    names = ("U.S.", "US", "3.5", "35", "Köln", "Ko\u0308ln")

    assert groups(", ".join(names), *((name, "LOC") for name in names)) == [0, 0, 1, 2, 3, 3]


def test_a_part_of_a_name_is_the_only_person_who_has_it() -> None:
    text = "Dr. Mairi A. Kerr met Tom Adeyemi. Kerr, Mairi Kerr and Prof. Adeyemi left; Mairi did not. Ann did."
    names = ("Dr. Mairi A. Kerr", "Tom Adeyemi", "Kerr", "Mairi Kerr", "Prof. Adeyemi", "Mairi", "Ann")

    assert groups(text, *((name, "PER") for name in names)) == [0, 1, 0, 0, 1, 0, 2]


def test_a_last_name_of_two_people_is_neither() -> None:
    text = "Mairi Kerr and Ann Kerr sing. Kerr wrote it."

    assert groups(text, ("Mairi Kerr", "PER"), ("Ann Kerr", "PER"), ("Kerr", "PER")) == [0, 1, 2]


def test_only_people_are_called_by_a_part_of_their_names() -> None:
    assert groups("Lake Michigan is in Michigan.", ("Lake Michigan", "LOC"), ("Michigan", "LOC")) == [0, 1]


@pytest.mark.parametrize(
    ("text", "long", "short"),
    [
        ("The World Health Organization warned. The WHO waited.", "World Health Organization", "WHO"),
        ("the United States of America, or USA", "United States of America", "USA"),
        ("Bank of England (BoE)", "Bank of England", "BoE"),
        ("International Business Machines; later I.B.M. grew", "International Business Machines", "I.B.M."),
    ],
)
def test_an_abbreviation_is_the_name_that_it_abbreviates(text: str, long: str, short: str) -> None:
    assert groups(text, (long, "ORG"), (short, "ORG")) == [0, 0]
    assert groups(text, (long, "ORG"), (short, "TIME"))[1] == (0 if f"({short})" in text else 1)


def test_brackets_alone_and_capitals_alone_do_not_abbreviate() -> None:
    assert groups("Paris (France)", ("Paris", "LOC"), ("France", "LOC")) == [0, 1]
    assert groups("World Health Organization, NATO", ("World Health Organization", "ORG"), ("NATO", "ORG")) == [0, 1]


def test_identifiers_and_clusters_join_what_names_do_not_and_separate_what_they_would() -> None:
    text = "Lucia and Lucia Vega met. Lucia, Vega and she left."
    people = [("Lucia", "PER", "Q1"), ("Lucia Vega", "PER", "Q2"), ("Lucia", "PER"), ("Vega", "PER", "Q1")]

    assert groups(text, *people) == [0, 1, 0, 0]
    assert groups("She left. She came. Ada", ("She", ""), ("She", ""), ("Ada", "PER"), clusters={0: 1, 1: 2, 2: 2}) == [
        0, 1, 1,
    ]  # fmt: skip


def test_the_order_of_the_mentions_does_not_matter() -> None:
    text = "Mairi Kerr of the World Health Organization (WHO) met Tom Karr-Vega. Kerr told the WHO."
    spans = [(0, 10), (18, 43), (45, 48), (54, 67), (69, 73), (83, 86)]
    mentions = [
        NamedMention((span,), type_)
        for span, type_ in zip(spans, ["PER", "ORG", "ORG", "PER", "PER", "ORG"], strict=True)
    ]
    assert (expected := group_mentions(mentions, text=text)) == [0, 1, 1, 2, 0, 1]

    for seed in range(5):
        order = list(range(len(mentions)))
        random.Random(seed).shuffle(order)
        assert group_mentions([mentions[index] for index in order], text=text) == [expected[index] for index in order]


def test_no_mention_and_a_mention_of_signs_alone() -> None:
    assert group_mentions([], text="") == []
    assert groups("!!! and ??? and !!!", ("!!!", "ORG"), ("???", "ORG"), ("!!!", "ORG")) == [0, 1, 0]
