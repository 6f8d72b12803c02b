import json
import logging
from pathlib import Path

import pytest

from atlop.corpora import (
    CorpusFile,
    RelationCounter,
    check_relations,
    read_train_facts,
    read_vocabulary,
    relation_counts,
)
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention, RelationUse, RelationVocabulary


def entity(*names: str) -> Entity:
    return Entity(tuple(Mention(name, 0, 0, 1, "PER") for name in names))


def document(*facts: Fact, title: str = "Kin", labelled: bool = True) -> Document:
    entities = (entity("Ada", "A. L."), entity("London"), entity("Ada"))
    return Document(title, (("Ada",),), entities, facts if labelled else None)


def check(*documents: Document, skipped: bool = False) -> None:
    """Check documents of `dev.json` against a vocabulary of P17 alone."""
    check_relations(
        Path("dev.json"),
        relations=relation_counts(documents),
        vocabulary=RelationVocabulary(("P17",), {}),
        skipped=skipped,
    )


def write(folder: Path, value: object, *, name: str) -> Path:
    path = folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_class_ids_and_names_come_from_the_files(tmp_path: Path) -> None:
    rel2id = write(tmp_path, {"P17": 2, "Na": 0, "P6": 1}, name="rel2id.json")
    names = write(tmp_path, {"P17": "country", "P999": "elsewhere"}, name="rel_info.json")

    vocabulary = read_vocabulary(rel2id, names=names)

    assert vocabulary == RelationVocabulary(("P6", "P17"), {"P17": "country"}, negative="Na")


@pytest.mark.parametrize("name", ["NA", "no_relation", "None", "Other", "1:NR:2"])
def test_id_0_is_for_a_name_that_says_that_no_relation_holds(tmp_path: Path, name: str) -> None:
    vocabulary = read_vocabulary(write(tmp_path, {name: 0, "P17": 1}, name="rel2id.json"))

    assert (vocabulary.relations, vocabulary.negative) == (("P17",), name)


def test_na_may_be_absent(tmp_path: Path) -> None:
    assert read_vocabulary(write(tmp_path, {"P17": 1}, name="rel2id.json")).relations == ("P17",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["P17"], ': expected an object, found ["P17"]'),
        ({"Na": 0, "P17": "1"}, ', "P17": expected a whole number, found "1"'),
        ({"Na": 0, "P17": True}, ', "P17": expected a whole number, found true'),
        ({"Na": 1, "P17": 0}, ', "Na": has id 1; id 0 is reserved for "Na"; relations are numbered'),
        ({"P6": 0, "P17": 1}, ', "P6": has id 0; id 0 is reserved for "Na"; relations are numbered'),
        ({"Na": 0, "P6": 1, "P17": 1}, ', "P17": has id 1, and so has "P6"'),
        ({"Na": 0, "P6": 1, "P17": 3}, ', "P17": has id 3, but id 2 is missing; expected 1 to 2, without gaps'),
        ({"Na": 0, "P6": 1, "P17": -2}, ', "P17": has id -2, but id 2 is missing; expected 1 to 2, without gaps'),
        ({"Na": 0}, ': has no relation; expected an object such as {"Na": 0, "P17": 1}'),
    ],
)
def test_malformed_class_ids_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path, content, name="rel2id.json")

    with pytest.raises(AtlopError) as error:
        read_vocabulary(path)

    assert str(error.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (17, r'"P17": expected a string, found 17'),
        ({"name": 17}, r'"P17", "name": expected a string, found 17'),
        ({"name": "country", "description": []}, r'"P17", "description": expected a string, found \[\]'),
    ],
)
def test_a_name_that_is_no_string_is_refused(tmp_path: Path, value: object, message: str) -> None:
    names = write(tmp_path, {"P17": value}, name="rel_info.json")

    with pytest.raises(AtlopError, match=rf"rel_info\.json, {message}"):
        read_vocabulary(None, names=names, relations=["P17"])


def test_relations_may_have_descriptions(tmp_path: Path) -> None:
    values = {"P17": {"name": "country", "description": "of a place"}, "P6": {"description": "its head"}, "P1": {}}
    names = write(tmp_path, values | {"P27": "citizenship"}, name="rel_info.json")

    vocabulary = read_vocabulary(None, names=names, relations=["P17", "P6", "P27"])

    assert vocabulary.names == {"P17": "country", "P27": "citizenship"}
    assert vocabulary.descriptions == {"P17": "of a place", "P6": "its head"}


def test_without_class_ids_the_train_relations_are_taken_in_order_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        vocabulary = read_vocabulary(None, relations=["P6", "P17", "P6"])

    assert vocabulary.relations == ("P17", "P6")
    assert [record.getMessage() for record in caplog.records] == [
        "no rel2id.json: class ids 1 to 2 are the relations of the train file in alphabetical order"
    ]


def test_without_class_ids_and_labels_there_is_no_vocabulary() -> None:
    with pytest.raises(AtlopError, match=r"no facts to take the relations from; pass a rel2id\.json"):
        read_vocabulary(None, relations=[])


def test_relations_come_in_order_of_first_appearance_with_their_first_fact_and_their_number() -> None:
    documents = [document(labelled=False), document(Fact(2, 1, "P6"), Fact(0, 1, "P17")), document(Fact(1, 0, "P6"))]

    assert relation_counts(documents) == (RelationUse("P6", 2, 1, "Kin", 2, 1), RelationUse("P17", 1, 1, "Kin", 0, 1))


def test_known_relations_pass() -> None:
    check(document(Fact(0, 1, "P17")), document(labelled=False))


def test_an_unknown_relation_is_named_with_its_file_document_and_fact() -> None:
    documents = (document(Fact(0, 1, "P17")), document(Fact(0, 1, "P6"), Fact(1, 2, "P7"), Fact(2, 1, "P6")))

    with pytest.raises(AtlopError) as error:
        check(*documents)

    assert str(error.value) == (
        'dev.json, document 1 ("Kin"), fact from entity 0 to 1: relation "P6" is not among the 1 known ones; unknown, '
        "with their number of facts: P6 (2), P7 (1); pass the rel2id.json of this corpus"
    )


def test_where_documents_were_skipped_the_message_gives_no_number_that_would_mislead() -> None:
    with pytest.raises(AtlopError, match=r'^dev.json, document "Kin", fact from'):
        check(document(Fact(0, 1, "P6")), skipped=True)


def test_train_facts_of_a_corpus_are_all_combinations_of_names(tmp_path: Path) -> None:
    row = {
        "title": "Kin",
        "sents": [["Ada", "A.", "London"]],
        "vertexSet": [
            [
                {"name": "Ada", "pos": [0, 1], "sent_id": 0, "type": "PER"},
                {"name": "A.", "pos": [1, 2], "sent_id": 0, "type": "PER"},
            ],
            [{"name": "London", "pos": [2, 3], "sent_id": 0, "type": "LOC"}],
        ],
        "labels": [{"h": 0, "t": 1, "r": "P19"}],
    }

    facts = read_train_facts(write(tmp_path, [row], name="train.json"))

    assert facts == {("Ada", "London", "P19"), ("A.", "London", "P19")}


@pytest.mark.parametrize("name", ["train.json", "train.fact"])
def test_only_the_train_facts_that_matter_are_kept(tmp_path: Path, name: str) -> None:
    row = {
        "title": "Kin",
        "sents": [["Ada", "London"]],
        "vertexSet": [
            [{"name": word, "pos": [place, place + 1], "sent_id": 0, "type": "MISC"}]
            for place, word in enumerate(("Ada", "London"))
        ],
        "labels": [{"h": 0, "t": 1, "r": "P19"}, {"h": 1, "t": 0, "r": "P20"}],
    }
    rows = [row] if name == "train.json" else [["Ada", "London", "P19"], ["London", "Ada", "P20"]]
    among = {("Ada", "London", "P19"), ("Bob", "London", "P19")}

    counter = RelationCounter()

    found = read_train_facts(write(tmp_path, rows, name=name), among=among, counter=counter)

    assert found == {("Ada", "London", "P19")}
    counts = {use.relation: use.facts for use in counter.result()}
    assert counts == ({"P19": 1, "P20": 1} if name == "train.json" else {})


def test_train_facts_of_an_unlabelled_corpus_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [{"title": "Kin", "sents": [], "vertexSet": []}], name="test.json")

    with pytest.raises(AtlopError, match=r"test\.json: no document has labels, so there are no train facts"):
        read_train_facts(path)


def test_a_fact_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, [["Ada", "London", "P19"], ["Ada", "London", "P19"]], name="train.fact")

    assert read_train_facts(path) == {("Ada", "London", "P19")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Ada": 1}, 'train.fact: expected a list, found {"Ada": 1}'),
        ([["Ada", "London", "P19"], ["Ada", "P19"]], "train.fact, fact 1: expected [subject name, object name, rela"),
        ([["Ada", "London", 19]], "train.fact, fact 0: expected [subject name, object name, relation], three strings;"),
        (["abc"], 'relation], three strings; found "abc"'),
    ],
)
def test_a_malformed_fact_file_is_refused(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(AtlopError) as error:
        read_train_facts(write(tmp_path, content, name="train.fact"))

    assert message in str(error.value)


def test_the_real_vocabulary_has_96_named_relations_that_cover_the_real_corpora(real_data: Path) -> None:
    vocabulary = read_vocabulary(real_data / "docred/rel2id.json", names=real_data / "docred/rel_info.json")

    assert len(vocabulary.relations) == 96
    assert len(vocabulary.names) == 96
    assert vocabulary.name_of("P17") == "country"
    for name in ("docred/train_first200.json", "redocred/train_part.json", "redocred/dev_revised.json"):
        path = real_data / name
        relations = relation_counts(CorpusFile(path))
        check_relations(path, relations=relations, vocabulary=vocabulary, skipped=False)


def test_the_real_dwie_vocabulary_covers_its_corpus(real_data: Path) -> None:
    path, vocabulary = real_data / "dwie/dev.json", read_vocabulary(real_data / "dwie/rel2id.json")
    check_relations(path, relations=relation_counts(CorpusFile(path)), vocabulary=vocabulary, skipped=False)


def test_facts_of_real_train_documents_are_among_those_of_the_whole_train_set(real_data: Path) -> None:
    whole = read_train_facts(real_data / "docred/train_annotated.fact")

    assert len(whole) == 52_293
    assert read_train_facts(real_data / "docred/train_first200.json") <= whole
