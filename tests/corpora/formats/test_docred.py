import copy
import gzip
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import Corpus, read_corpus
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Document, Entity, Fact, Mention

Row = dict[str, Any]

VALID: Row = {
    "title": "Skai TV",
    "sents": [["Skai", "TV", "is", "Greek", "."], ["It", "is", "based", "in", "Piraeus"]],
    "vertexSet": [
        [
            {"name": "Skai TV", "pos": [0, 2], "sent_id": 0, "type": "ORG"},
            {"name": "It", "pos": [0, 1], "sent_id": 1, "type": "ORG"},
        ],
        [{"name": "Piraeus", "pos": [4, 5], "sent_id": 1, "type": "LOC"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P159", "evidence": [0, 1]}],
}


def changed(change: Callable[[Row], object]) -> Row:
    row = copy.deepcopy(VALID)
    change(row)
    return row


def write(folder: Path, *rows: object, name: str = "dev.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def message_of(path: Path) -> str:
    with pytest.raises(AtlopError) as error:
        read_corpus(path)
    return str(error.value).removeprefix(f"{path.parent}/")


def test_a_valid_file_gives_its_documents(tmp_path: Path) -> None:
    path = write(tmp_path, VALID)

    corpus = read_corpus(path)

    skai = Entity((Mention("Skai TV", 0, 0, 2, "ORG"), Mention("It", 1, 0, 1, "ORG")))
    piraeus = Entity((Mention("Piraeus", 1, 4, 5, "LOC"),))
    assert corpus == Corpus(
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        documents=(
            Document(
                title="Skai TV",
                sentences=(("Skai", "TV", "is", "Greek", "."), ("It", "is", "based", "in", "Piraeus")),
                entities=(skai, piraeus),
                facts=(Fact(0, 1, "P159", (0, 1)),),
            ),
        ),
        issues=CorpusIssues(),
    )


def test_a_packed_file_gives_the_same_documents_and_the_digest_of_the_packed_bytes(tmp_path: Path) -> None:
    packed = tmp_path / "dev.json.gz"
    packed.write_bytes(gzip.compress(json.dumps([VALID]).encode()))

    corpus = read_corpus(packed)

    assert corpus.documents == read_corpus(write(tmp_path, VALID)).documents
    assert corpus.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_an_unlabelled_document_has_no_facts_and_an_empty_list_says_there_are_none(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row.pop("labels")), changed(lambda row: row["labels"].clear()))

    unlabelled, empty = read_corpus(path).documents

    assert unlabelled.facts is None
    assert empty.facts == ()


def test_null_counts_as_missing_where_a_key_is_optional(tmp_path: Path) -> None:
    unlabelled, without_evidence = read_corpus(
        write(
            tmp_path,
            changed(lambda row: row.update(labels=None)),
            changed(lambda row: first_label(row).update(evidence=None)),
        )
    )

    assert unlabelled.facts is None
    assert without_evidence.facts == (Fact(0, 1, "P159"),)


def test_na_is_the_label_of_a_pair_without_relation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, changed(lambda row: row["labels"].append({"h": 1, "t": 0, "r": "Na", "evidence": []})))

    corpus = read_corpus(path)

    assert corpus.documents[0].facts == (Fact(0, 1, "P159", (0, 1)),)
    assert corpus.summary()["negative_labels"] == 1
    assert caplog.messages == [f"{path}: 1 labels left out, because they say that no relation holds"]


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize("name", ["dev.json", "dev.jsonl", "dev.txt"])
def test_documents_of_hugging_face_are_read(tmp_path: Path, name: str, columns: bool) -> None:
    label = {"head": 0, "tail": 1, "relation_id": "P159", "relation_text": "headquarters", "evidence": [0, 1]}
    labels: object = {key: [value] for key, value in label.items()} if columns else [label]
    path = tmp_path / name
    path.write_text(2 * (json.dumps(VALID | {"labels": labels}) + "\n"), encoding="utf-8")

    assert read_corpus(path).documents == 2 * read_corpus(write(tmp_path, VALID, name="own.json")).documents


def test_a_line_that_is_invalid_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps(VALID) + "\n{\n" + json.dumps(VALID | {"sents": 1}), encoding="utf-8")

    assert [
        message.removeprefix(f"{path}, line ")[:30] for message in read_corpus(path, invalid="skip").issues.skipped
    ] == [
        "2, column 2: not valid JSON (E",
        '3 ("Skai TV"), "sents": expect',
    ]


def test_a_file_of_columns_is_told_how_to_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({key: [value] for key, value in VALID.items()}), encoding="utf-8")

    with pytest.raises(AtlopError, match=r"line 1: has a list of titles, .* datasets\.Dataset\.from_dict"):
        read_corpus(path)


def test_one_entity_and_empty_sentences_and_repeated_titles_and_extra_keys_are_fine(tmp_path: Path) -> None:
    def lonely(row: Row) -> None:
        row["vertexSet"] = row["vertexSet"][:1]
        row["labels"] = []
        row["sents"].append([])
        row["source"] = {"url": None}
        row["vertexSet"][0][0]["global_pos"] = "anything"

    path = write(tmp_path, changed(lonely), VALID, changed(lambda row: row.update(sents=[], vertexSet=[], labels=[])))

    assert [len(document.entities) for document in read_corpus(path).documents] == [1, 2, 0]


def test_a_label_without_evidence_has_none(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row["labels"][0].pop("evidence")))

    assert read_corpus(path).documents[0].facts == (Fact(0, 1, "P159"),)


def test_repeated_facts_are_merged_with_one_warning_for_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def repeat(row: Row) -> None:
        row["labels"] += [{"h": 0, "t": 1, "r": "P159", "evidence": []}, {"h": 1, "t": 0, "r": "P159"}]

    path = write(tmp_path, changed(repeat), changed(repeat))

    corpus = read_corpus(path)

    assert corpus.issues.duplicate_facts == 2
    assert corpus.documents[0].facts == (Fact(0, 1, "P159", (0, 1)), Fact(1, 0, "P159"))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 1 documents with the text of an earlier one",
        f"{path}: 2 facts merged with one of the same subject, object and relation (the first is kept)",
    ]


KEYS = '"title", "sents", "vertexSet" and, where labelled, "labels"'


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text('{"Skai TV": 1}')

    with pytest.raises(AtlopError, match=r"dev\.json, line 1: key .title. is missing; found .Skai TV."):
        read_corpus(path, format="docred")
    with pytest.raises(AtlopError, match=r"dev\.json: has objects with the keys Skai TV, which fit no known format"):
        read_corpus(path)


def test_a_list_of_numbers_is_refused(tmp_path: Path) -> None:
    assert message_of(write(tmp_path, 3, 4)) == f"dev.json, document 0: expected an object with {KEYS}; found 3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("title"), ': key "title" is missing; found "sents", "vertexSet", "labels"'),
        (lambda row: row.update(title=7), ', "title": expected a string, found 7'),
    ],
)
def test_a_document_without_a_proper_title_is_named_by_its_number(
    tmp_path: Path, change: Callable[[Row], object], message: str
) -> None:
    assert message_of(write(tmp_path, VALID, changed(change))) == f"dev.json, document 1{message}"


def first_mention(row: Row) -> Row:
    mention: Row = row["vertexSet"][0][0]
    return mention


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("sents"), ': key "sents" is missing; found "title", "vertexSet", "labels"'),
        (lambda row: row.update(sents="Skai TV"), ', "sents": expected a list, found "Skai TV"'),
        (lambda row: row.update(sents=["Skai TV"]), ', sentence 0: expected a list, found "Skai TV"'),
        (lambda row: row["sents"][1].insert(2, 5), ", sentence 1, word 2: expected a string, found 5"),
        (lambda row: row["sents"][1].insert(2, None), ", sentence 1, word 2: expected a string, found null"),
        (
            lambda row: row["sents"][1].insert(2, "\ud800"),
            ", sentence 1: has a lone surrogate, '\\ud800', which is not a character; "
            "fix the encoding of the file that it comes from",
        ),
        (lambda row: row.pop("vertexSet"), ': key "vertexSet" is missing; found "title", "sents", "labels"'),
        (lambda row: row.update(labels=5), ', "labels": expected a list, found 5'),
        (
            lambda row: row.update(labels={"head": [0, 1], "tail": [1], "relation_id": ["P159", "P17"]}),
            ', "labels": its lists have different lengths: head has 2, tail has 1, relation_id has 2; '
            "expected a value of each",
        ),
    ],
)
def test_a_malformed_document_is_refused(tmp_path: Path, change: Callable[[Row], object], message: str) -> None:
    assert message_of(write(tmp_path, VALID, changed(change))) == f'dev.json, document 1 ("Skai TV"){message}'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row["vertexSet"][0].clear(), ": has no mentions; expected at least one"),
        (lambda row: row["vertexSet"].__setitem__(0, {}), ": expected a list, found {}"),
        (lambda row: row["vertexSet"][0].__setitem__(0, "It"), ', mention 0: expected an object, found "It"'),
        (
            lambda row: first_mention(row).pop("pos"),
            ', mention 0: key "pos" is missing; found "name", "sent_id", "type"',
        ),
        (lambda row: first_mention(row).update(name=None), ', mention 0, "name": expected a string, found null'),
        (lambda row: first_mention(row).update(type=["ORG"]), ', mention 0, "type": expected a string, found ["ORG"]'),
        (
            lambda row: first_mention(row).update(sent_id="0"),
            ', mention 0, "sent_id": expected a whole number, found "0"',
        ),
        (
            lambda row: first_mention(row).update(sent_id=True),
            ', mention 0, "sent_id": expected a whole number, found true',
        ),
        (
            lambda row: first_mention(row).update(pos=[0, 2.0]),
            ', mention 0, "pos", item 1: expected a whole number, found 2.0',
        ),
        (
            lambda row: first_mention(row).update(pos=[0]),
            ', mention 0, "pos": expected [first word, one past the last word], found [0]',
        ),
        (
            lambda row: first_mention(row).update(sent_id=2),
            ", mention 0: is in sentence 2, but the document has 2 sentences (0 to 1)",
        ),
        (
            lambda row: first_mention(row).update(sent_id=-1),
            ", mention 0: is in sentence -1, but the document has 2 sentences (0 to 1)",
        ),
        (
            lambda row: row.update(sents=[]),
            ", mention 0: is in sentence 0, but the document has 0 sentences",
        ),
        (
            lambda row: first_mention(row).update(pos=[3, 6]),
            ", mention 0: ends at word 6, but sentence 0 has 5 words",
        ),
        (
            lambda row: row["sents"].__setitem__(0, ["Skai"]),
            ", mention 0: ends at word 2, but sentence 0 has 1 word",
        ),
        (
            lambda row: first_mention(row).update(pos=[-1, 2]),
            ", mention 0: starts at word -1; words are numbered from 0 within their sentence",
        ),
        (
            lambda row: first_mention(row).update(pos=[3, 1]),
            ", mention 0: starts at word 3 and ends at word 1, so it has no words; the end is one past the last word",
        ),
        (
            lambda row: first_mention(row).update(pos=[1, 1]),
            ", mention 0: starts at word 1 and ends at word 1, so it has no words; the end is one past the last word",
        ),
    ],
)
def test_a_malformed_entity_is_refused(tmp_path: Path, change: Callable[[Row], object], message: str) -> None:
    assert message_of(write(tmp_path, changed(change))) == f'dev.json, document 0 ("Skai TV"), entity 0{message}'


def first_label(row: Row) -> Row:
    label: Row = row["labels"][0]
    return label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row["labels"].__setitem__(0, [0, 1]), ": expected an object, found [0, 1]"),
        (lambda row: first_label(row).pop("h"), ': key "h" is missing; found "t", "r", "evidence"'),
        (lambda row: first_label(row).update(t=True), ', "t": expected a whole number, found true'),
        (lambda row: first_label(row).update(h=2), ': "h" is entity 2, but the document has 2 entities (0 to 1)'),
        (lambda row: first_label(row).update(t=-1), ': "t" is entity -1, but the document has 2 entities (0 to 1)'),
        (
            lambda row: first_label(row).update(t=0),
            ': "h" and "t" are both entity 0; a relation holds between two entities',
        ),
        (lambda row: first_label(row).update(r=17), ', "r": expected a string, found 17'),
        (lambda row: first_label(row).update(evidence=0), ', "evidence": expected a list, found 0'),
        (
            lambda row: first_label(row).update(evidence=[0, "1"]),
            ', "evidence", item 1: expected a whole number, found "1"',
        ),
        (
            lambda row: first_label(row).update(evidence=[0, 2]),
            ": its evidence is sentence 2, but the document has 2 sentences (0 to 1)",
        ),
    ],
)
def test_a_malformed_label_is_refused(tmp_path: Path, change: Callable[[Row], object], message: str) -> None:
    assert message_of(write(tmp_path, changed(change))) == f'dev.json, document 0 ("Skai TV"), label 0{message}'


def test_a_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    message = message_of(write(tmp_path, changed(lambda row: row.update(title={"a": "a" * 1000}))))

    assert len(message) < 130
    assert message.endswith("…")


def test_skip_leaves_invalid_documents_out_and_counts_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    invalid = changed(lambda row: row["vertexSet"][1].clear())
    path = write(tmp_path, invalid, VALID, 3)

    corpus = read_corpus(path, invalid="skip")

    assert [document.title for document in corpus.documents] == ["Skai TV"]
    assert corpus.issues.skipped == (
        f'{path}, document 0 ("Skai TV"), entity 1: has no mentions; expected at least one',
        f"{path}, document 2: expected an object with {KEYS}; found 3",
    )
    assert len(caplog.records) == 3
    assert caplog.records[-1].getMessage() == f"{path}: 2 documents skipped, 1 read"


def test_facts_of_skipped_documents_are_not_counted_as_merged(tmp_path: Path) -> None:
    def repeat_and_break(row: Row) -> None:
        row["labels"] += [*row["labels"], {"h": 0}]

    assert read_corpus(write(tmp_path, VALID, changed(repeat_and_break)), invalid="skip").issues.duplicate_facts == 0


def test_skip_refuses_a_file_without_any_valid_document(tmp_path: Path) -> None:
    path = write(tmp_path, 1, 2, 3)

    with pytest.raises(AtlopError, match=r"every document is invalid \(3\); the first problem: .*document 0.*found 1"):
        read_corpus(path, invalid="skip")


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"unknown format 'docret'; known: .*docred, .*, pubtator:SCHEME\.toml"):
        read_corpus(write(tmp_path, VALID), format="docret")


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match='expected "strict" or "skip", found \'lenient\''):
        read_corpus(write(tmp_path, VALID), invalid="lenient")  # type: ignore[arg-type]


def test_the_golden_documents_are_read(golden: Path) -> None:
    assert len(read_corpus(golden / "documents.json").documents) == 8


@pytest.mark.parametrize(
    ("name", "documents", "facts", "merged"),
    [
        ("docred/test.json", 1000, 0, 0),
        ("docred/train_first200.json", 200, 2539, 0),
        ("redocred/train_part.json", 992, 28146, 0),
        ("redocred/dev_revised.json", 500, 17284, 0),
        ("dwie/dev.json", 98, 2620, 4),
    ],
)
def test_real_corpora_are_read_whole(
    real_data: Path, caplog: pytest.LogCaptureFixture, name: str, documents: int, facts: int, merged: int
) -> None:
    with caplog.at_level(logging.WARNING):
        corpus = read_corpus(real_data / name)

    assert len(corpus.documents) == documents
    assert sum(len(document.facts or ()) for document in corpus.documents) == facts
    assert corpus.issues.duplicate_facts == merged
    assert len(caplog.records) == (1 if merged else 0)
    assert all((document.facts is None) == (name == "docred/test.json") for document in corpus.documents)


def test_the_real_docred_test_file_has_the_published_digest(real_data: Path) -> None:
    digest = read_corpus(real_data / "docred/test.json").sha256

    assert digest.startswith("09386b5c")
    assert digest.endswith("04ae8")
