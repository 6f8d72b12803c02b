"""Entities that are joined by the names of their mentions."""

from dataclasses import replace
from pathlib import Path

from atlop.corpora import read_corpus
from atlop.corpora.grouped_entities import with_entities_by_name
from atlop.schema import Document, Fact
from tests.corpora.formats.described import described, read
from tests.corpora.formats.samples import write_brat
from tests.test_cli import run

TEXT = "Mairi Kerr left Siv Line. Kerr likes it, and Siv Line likes Kerr."
ANNOTATIONS = """\
T1\tPerson 0 10\tMairi Kerr
T2\tFirm 16 24\tSiv Line
T3\tPerson 26 30\tKerr
T4\tFirm 45 53\tSiv Line
T5\tPerson 60 64\tKerr
T6\tFirm 37 39\tit
*\tEquiv T2 T6
R1\tleft Arg1:T1 Arg2:T2
R2\tlikes Arg1:T3 Arg2:T6
R3\tlikes Arg1:T5 Arg2:T4
"""
GROUPED = (
    ["Person: Mairi Kerr | Kerr | Kerr", "Firm: Siv Line | it | Siv Line"],
    ["Mairi Kerr > left > Siv Line", "Mairi Kerr > likes > Siv Line"],
)


def document(folder: Path) -> Document:
    [found] = read_corpus(write_brat(folder / "notes", ANNOTATIONS, text=TEXT))
    return found


def test_mentions_of_one_name_are_one_entity_with_the_facts_of_all(tmp_path: Path) -> None:
    found = document(tmp_path)

    assert len(found.entities) == 5
    assert described(with_entities_by_name(found)) == GROUPED


def test_pairs_and_facts_without_direction_follow_their_entities(tmp_path: Path) -> None:
    found = document(tmp_path)
    facts = (Fact(2, 1, "x"), Fact(3, 0, "x"))

    grouped = with_entities_by_name(replace(found, directed=False, facts=facts, pairs=((1, 2), (0, 3), (0, 2))))

    assert [fact.key for fact in grouped.facts or ()] == [(0, 1, "x")]
    assert grouped.pairs == ((0, 1),), "the order of a pair without direction says nothing"


def test_entities_keep_a_type_of_their_own(tmp_path: Path) -> None:
    found = document(tmp_path)
    entities = (replace(found.entities[0], own_type="Artist"), *found.entities[1:])

    grouped = with_entities_by_name(replace(found, entities=entities))

    assert [entity.type for entity in grouped.entities] == ["Artist", "Firm"]


def test_an_identifier_that_says_that_there_is_none_joins_nothing(tmp_path: Path) -> None:
    found = document(tmp_path)
    entities = [replace(entity, identifier="-1") for entity in found.entities]
    entities[2] = replace(entities[2], identifier="P:7")

    grouped = with_entities_by_name(replace(found, entities=tuple(entities)))

    assert described(grouped) == GROUPED
    assert [entity.identifier for entity in grouped.entities] == ["P:7", "-1"]


def test_words_without_a_text_are_grouped_too(tmp_path: Path) -> None:
    found = document(tmp_path)
    entities = tuple(
        replace(entity, mentions=tuple(replace(mention, spans=()) for mention in entity.mentions))
        for entity in found.entities
    )

    assert described(with_entities_by_name(replace(found, text=None, offsets=None, entities=entities))) == GROUPED


def test_convert_groups_entities_where_it_is_told_to(tmp_path: Path) -> None:
    document(tmp_path)

    run("convert", tmp_path / "notes", tmp_path / "plain.jsonl")
    run("convert", tmp_path / "notes", tmp_path / "grouped.jsonl", "--entities", "grouped")

    assert len(read(tmp_path / "plain.jsonl")[0][0]) == 5
    assert read(tmp_path / "grouped.jsonl") == [GROUPED]
