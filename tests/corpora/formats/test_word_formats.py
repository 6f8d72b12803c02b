"""Formats whose offsets are words: DyGIE++, SciREX, SpERT, GLiNER and GLiREL, KAPipe, TACRED, OpenNRE."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats import samples
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import WORDS, json_bytes

OWNS = ["Nella Brun > owns > Siv Line"]


@pytest.mark.parametrize(
    ("format", "entities", "facts", "title"),
    [
        (
            "dygie",
            ["Person: Nella Brun | She", "Firm: Siv Line", "Place: Arnfjord"],
            [*OWNS, "Nella Brun > lives > Arnfjord"],
            "d",
        ),
        (
            "scirex",
            ["Method: Nella Brun | She", "Task: Siv Line", "Metric: Arnfjord"],
            ["Nella Brun > Method-Task > Siv Line"],
            "s",
        ),
        ("spert", ["Firm: Siv Line", "Person: Nella Brun"], OWNS, "document 0"),
        ("gliner", ["firm: Siv Line", "person: Nella Brun"], OWNS, "document 0"),
        ("kapipe", ["Firm: Siv Line", "Person: Nella Brun | She"], OWNS, "k"),
        ("tacred", ["PERSON: Nella Brun", "FIRM: Siv Line"], OWNS, "t1"),
        ("opennre", [": Nella Brun", ": Siv Line"], OWNS, "line 1"),
    ],
)
def test_a_file_is_read(tmp_path: Path, format: str, entities: list[str], facts: list[str], title: str) -> None:
    path = tmp_path / "a.json"

    assert read(path, json_bytes(samples.JSON_SAMPLES[format])) == [(entities, facts)]
    [document] = read_corpus(path)
    assert document.title == title


def changed(sample: Any, change: Callable[[Any], object]) -> bytes:
    made = copy.deepcopy(sample)
    change(made[0] if isinstance(made, list) else made)
    return json_bytes(made)


def test_mentions_of_a_cluster_keep_their_types(tmp_path: Path) -> None:
    made = samples.DYGIE | {
        "ner": [[[0, 1, "Person"], [4, 5, "Firm"]], [[7, 7, "Generic"], [10, 10, "Generic"]]],
        "clusters": [[[7, 7], [10, 10], [0, 1]]],
        "relations": [[[0, 1, 4, 5, "owns"]], [[7, 7, 4, 5, "owns"], [7, 7, 10, 10, "is"]]],
        "events": [[[[6, "Leave"], [0, 1, "Who"]]], []],
    }

    assert read(tmp_path / "a.json", json_bytes(made)) == [
        (["Person: Nella Brun | She | Arnfjord", "Firm: Siv Line"], [*OWNS, "Nella Brun > is > Nella Brun"])
    ]
    [document] = read_corpus(tmp_path / "a.json")
    assert [mention.type for mention in document.entities[0].mentions] == ["Person", "Generic", "Generic"]
    issues = issues_of(tmp_path / "a.json")
    assert (issues.duplicate_facts, issues.self_relations, issues.left_out["events"]) == (1, 1, 1)


def test_files_without_relations_are_not_labelled(tmp_path: Path) -> None:
    for name, sample in samples.JSON_SAMPLES.items():
        key = "n_ary_relations" if name == "scirex" else "relations"
        record = sample[0] if isinstance(sample, list) else sample
        if name in ("dygie", "scirex", "gliner", "kapipe") and key in record:
            left = {each: value for each, value in record.items() if each != key}
            assert [facts for _, facts in read(tmp_path / "a.json", json_bytes(left))] == [None], name


def test_tablert_spells_entities_by_tags(tmp_path: Path) -> None:
    tags = ["B-Person", "L-Person", "O", "U-The", "B-Firm", "L-Firm", "O"]
    made = [{"tokens": WORDS[:7], "tags": tags, "relations": [{"type": "owns", "head": 0, "tail": 2}]}]

    assert read(tmp_path / "a.json", json_bytes(made)) == [(["Person: Nella Brun", "The: the", "Firm: Siv Line"], OWNS)]


def test_glirel_names_mentions_by_position(tmp_path: Path) -> None:
    made = {
        "tokenized_text": WORDS,
        "ner": [[4, 5, "ORG", "Siv Line"], [0, 1, "PER", "Nella Brun"]],
        "relations": [
            {
                "head": {"mention": "Nella Brun", "position": [0, 1], "type": "LOC"},
                "tail": {"mention": "Siv Line", "position": [4, 5], "type": "ORG"},
                "relation_id": "P127",
                "relation_text": "owns",
            }
        ],
    }

    assert read(tmp_path / "a.jsonl", json_bytes(made)) == [(["ORG: Siv Line", "PER: Nella Brun"], OWNS)]


def test_no_relation_is_no_fact_and_its_pair_is_the_only_one(tmp_path: Path) -> None:
    for sample, none in ((samples.TACRED, "no_relation"), (samples.OPENNRE, "NA")):
        record: dict[str, Any] = sample[0] if isinstance(sample, list) else sample
        content = json_bytes(record | {"relation": none})
        assert [facts for _, facts in read(tmp_path / "a.json", content)] == [[]]
        assert read_corpus(tmp_path / "a.json").documents[0].pairs == ((0, 1),)
        assert issues_of(tmp_path / "a.json").negative_labels == 1


@pytest.mark.parametrize(("first", "entity"), [(0, "FIRM: Siv Line"), (4, "PERSON: Nella Brun")])
def test_a_mention_of_blank_words_is_left_out_with_its_pair_and_fact(tmp_path: Path, first: int, entity: str) -> None:
    content = changed(samples.TACRED, lambda record: record["token"].__setitem__(slice(first, first + 2), [" ", ""]))

    assert read(tmp_path / "a.json", content) == [([entity], [])]
    assert read_corpus(tmp_path / "a.json").documents[0].pairs == ()
    assert issues_of(tmp_path / "a.json").unmentioned_facts == 1


def test_words_in_place_of_mentions_are_hinted_at(tmp_path: Path) -> None:
    content = changed(samples.TACRED, lambda record: record["token"].__setitem__(0, "SUBJ-PERSON"))

    read(tmp_path / "a.json", content)

    assert any("SUBJ-PERSON" in hint for hint in issues_of(tmp_path / "a.json").hints)


def test_opennre_has_offsets_of_words_where_it_has_words(tmp_path: Path) -> None:
    ends = {"h": {"name": "nella brun", "pos": [0, 2]}, "t": {"name": "siv line", "pos": [4, 6]}}

    assert read(tmp_path / "a.txt", json_bytes({"token": WORDS, "relation": "owns"} | ends)) == [
        ([": Nella Brun", ": Siv Line"], OWNS)
    ]


def test_facts_of_entities_without_a_mention_are_counted(tmp_path: Path) -> None:
    read(tmp_path / "a.jsonl", json_bytes(samples.SCIREX))

    assert issues_of(tmp_path / "a.jsonl").unmentioned_facts == 2


def test_pairs_that_kapipe_does_not_classify_are_left_out(tmp_path: Path) -> None:
    content = changed(samples.KAPIPE, lambda record: record.update(not_include_pairs=[{"arg1": 0, "arg2": 1}]))

    read(tmp_path / "a.json", content)

    assert read_corpus(tmp_path / "a.json").documents[0].pairs == ((1, 0),)


@pytest.mark.parametrize(
    ("sample", "change", "problem"),
    [
        (
            samples.DYGIE,
            lambda d: d["ner"][1].__setitem__(0, [0, 0, "X"]),
            "line 1, sentence 1: has a mention at words 0 to 0",
        ),
        (samples.DYGIE, lambda d: d["ner"].pop(), '"ner" has 1 lists, but there are 2 sentences'),
        (samples.DYGIE, lambda d: d["relations"][0].append([0, 0, 4, 5, "x"]), r"names words 0 to 0, which"),
        (
            samples.DYGIE,
            lambda d: (d.pop("ner"), d.update(predicted_ner=[])),
            r"has predictions \(predicted_ner\) alone",
        ),
        (samples.DYGIE, lambda d: d["ner"][0].append([0, 1]), "expected 2 offsets and a name"),
        (samples.SCIREX, lambda d: d["ner"][0].__setitem__(1, 99), "is at words 0 to 99"),
        (samples.SCIREX, lambda d: d["coref"].pop("Siv"), 'relation 0 names "Siv", which "coref" does not have'),
        (samples.SPERT, lambda d: d["relations"][0].update(head=7), "document 0: relation 0 names entity 7"),
        (samples.SPERT, lambda d: d["entities"][0].update(end=99), "entity 0 is at words 4 to 99"),
        (samples.SPERT, lambda d: (d.pop("entities"), d.update(tags=["L-X"])), 'tag 0: "L-X" does not follow'),
        (samples.SPERT, lambda d: (d.pop("entities"), d.update(tags=["B-X"])), "does not end; expected a tag L-X"),
        (samples.GLINER, lambda d: d["relations"].append([0, 9, "x"]), "relation 1 names mention 9"),
        (
            samples.GLINER,
            lambda d: d["ner"][0].append("Siv Line ."),
            'mention 0: is "Siv Line .", but its words are "Siv Line"',
        ),
        (samples.GLINER, lambda d: d["ner"].append([1]), "mention 2: expected"),
        (
            samples.GLINER,
            lambda d: d["relations"].append(
                {"head": {"position": [0, 2]}, "tail": {"position": [4, 5]}, "relation_text": "x"}
            ),
            r"its head is at words \[0, 2\], which .ner. does not have",
        ),
        (samples.KAPIPE, lambda d: d["mentions"][0].update(span=[0, 2]), 'mention 0: is "Nella Brun", but its words'),
        (samples.KAPIPE, lambda d: d["relations"][0].update(arg1=5), '"arg1" is entity 5, but the document has 2'),
        (samples.KAPIPE, lambda d: d["entities"][0].update(mention_indices=[8]), "names mention 8"),
        (samples.TACRED, lambda d: d.update(obj_end=40), "its obj is at words 4 to 41"),
        (samples.OPENNRE, lambda d: d["h"].update(name="Ann"), 'line 1: h is "Ann", but characters 2 to 12'),
        (samples.OPENNRE, lambda d: d["h"].update(pos=[2]), r'h, "pos": expected \[first, one past the last\]'),
    ],
)
def test_an_invalid_document_says_what(
    tmp_path: Path, sample: Any, change: Callable[[Any], object], problem: str
) -> None:
    with pytest.raises(AtlopError, match=problem):
        read(
            tmp_path / "a.json",
            changed(sample, change),
            format=next(n for n, s in samples.JSON_SAMPLES.items() if s is sample),
        )
