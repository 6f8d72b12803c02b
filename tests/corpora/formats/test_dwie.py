import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.corpora.formats.dwie import read_dwie
from atlop.corpora.issues import IssueCollector
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention

Row = dict[str, Any]

TEXT = "Ana Sá leads Nürnberg.\n\nOn Monday the Nürnberg-based Bavarian spoke."


def mention(concept: int, name: str, *, after: int = 0) -> Row:
    begin = TEXT.index(name, after)
    return {"begin": begin, "end": begin + len(name), "text": name, "concept": concept}


VALID: Row = {
    "id": "DW_1",
    "tags": ["all", "train"],
    "content": TEXT,
    "mentions": [
        mention(4, "Ana Sá"),
        mention(0, "Nürnberg"),
        mention(5, "Monday"),
        mention(0, "Nürnberg", after=30),
        mention(7, "Bavarian"),
    ],
    "concepts": [
        {"concept": 0, "link": "Nuremberg", "tags": ["slot::in", "type::entity", "type::gpe", "type::location"]},
        {"concept": 1, "link": "Germany", "tags": []},
        {"concept": 4, "link": None, "tags": ["type::entity", "type::mayor", "type::person"]},
        {"concept": 5, "tags": ["type::time", "type::value"]},
        {"concept": 7, "tags": ["type::gpe1-x", "type::other"]},
    ],
    "relations": [{"s": 4, "p": "mayor_of", "o": 0}, {"s": 0, "p": "in0", "o": 1}, {"s": 4, "p": "mayor_of", "o": 0}],
}


def changed(change: Callable[[Row], object]) -> Row:
    row = copy.deepcopy(VALID)
    change(row)
    return row


def write(folder: Path, *rows: object) -> Path:
    annotations = folder / "annos"
    annotations.mkdir()
    for number, row in enumerate(rows, start=1):
        (annotations / f"DW_{number}.json").write_text(json.dumps(row), encoding="utf-8")
    return annotations


def read(path: Path, *, split: str | None = None) -> tuple[list[Document], IssueCollector]:
    issues = IssueCollector()
    return list(read_dwie(path, issues=issues, split=split)), issues


def message_of(path: Path) -> str:
    with pytest.raises(AtlopError) as error:
        read(path)
    return str(error.value).removeprefix(f"{path}/")


def test_a_file_gives_a_document_with_its_text(tmp_path: Path) -> None:
    path = write(tmp_path, VALID)

    (document,), issues = read(path)

    assert document.title == "DW_1"
    assert document.sentences == (
        ("Ana", "Sá", "leads", "Nürnberg", "."),
        ("On", "Monday", "the", "Nürnberg", "-", "based", "Bavarian", "spoke", "."),
    )
    assert document.entities == (
        Entity(
            (
                Mention("Nürnberg", 0, 3, 4, "location", ((13, 21),)),
                Mention("Nürnberg", 1, 3, 4, "location", ((38, 46),)),
            ),
            "Nuremberg",
        ),
        Entity((Mention("Ana Sá", 0, 0, 2, "person", ((0, 6),)),)),
        Entity((Mention("Monday", 1, 1, 2, "time", ((27, 33),)),)),
        Entity((Mention("Bavarian", 1, 6, 7, "other", ((53, 61),)),)),
    )
    assert document.facts == (Fact(1, 0, "mayor_of"),)
    assert document.text == TEXT
    assert document.offsets is not None
    assert document.offsets[1][0] == (24, 26)
    assert issues.duplicate_facts == 1
    assert issues.unmentioned_facts == 1


def test_files_come_by_name_and_other_files_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row.update(id="b")), changed(lambda row: row.update(id="a")))
    (path / "README.md").write_text("notes")
    (path / "._b.json").write_bytes(b"\x00macOS")

    assert [document.title for document in read(path)[0]] == ["b", "a"]


def test_a_split_is_chosen_by_tag_and_the_rest_is_not_looked_at(tmp_path: Path) -> None:
    other = {"tags": ["all", "test"]}
    path = write(tmp_path, VALID, other)

    assert [document.title for document in read(path, split="train")[0]] == ["DW_1"]
    with pytest.raises(AtlopError, match="no document has the tag 'dev'; found all, test, train"):
        read(path, split="dev")


def test_the_text_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    text = TEXT.replace("\n\n", "\r\n")  # as long, and must stay so
    path = write(tmp_path, changed(lambda row: row.pop("content")))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/DW_1.txt").write_bytes(text.encode())

    (document,), _ = read(path)

    assert document.text == text
    assert document.entities[0].mentions[1].spans == ((38, 46),)


def test_a_file_without_text_says_how_to_get_it(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row.pop("content")))

    assert message_of(path) == (
        f'DW_1.json: has no "content", and there is no {tmp_path}/texts/DW_1.txt; DWIE is published without articles: '
        "fetch them with its download script and pass the folder that it writes"
    )


def test_a_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row.pop("content")))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/DW_1.txt").write_bytes(TEXT.encode("latin-1"))

    assert message_of(path) == f"{tmp_path}/texts/DW_1.txt: byte 5 is not UTF-8"


@pytest.mark.parametrize(
    ("tags", "type_"),
    [
        (["type::entity", "type::head_of_state", "type::person", "type::politician"], "person"),
        (["type::role", "type::value"], "role"),
        (["type::footer", "type::other"], "other"),
        (["type::entity", "type::language"], "language"),
        (["type::entity"], "entity"),
        (["meta::todo"], "none"),
        ([], "none"),
    ],
)
def test_the_type_is_the_one_below_entity_and_value(tmp_path: Path, tags: list[str], type_: str) -> None:
    path = write(tmp_path, changed(lambda row: row["concepts"][0].update(tags=tags)))

    assert read(path)[0][0].entities[0].type == type_


def test_mentions_may_overlap_and_go_over_what_looks_like_a_sentence_end(tmp_path: Path) -> None:
    text = "He met King Olav V. The King spoke."
    places = [(7, 18, 0), (7, 11, 1), (17, 28, 2)]
    row = {
        "id": "DW_1",
        "content": text,
        "mentions": [{"begin": b, "end": e, "text": text[b:e], "concept": c} for b, e, c in places],
        "concepts": [{"concept": c, "tags": []} for c in range(3)],
        "relations": [],
    }

    (document,), _ = read(write(tmp_path, row))

    assert document.facts == ()
    for entity, (begin, end, _) in zip(document.entities, places, strict=True):
        assert read_back(document, entity.mentions[0]) == text[begin:end]


def read_back(document: Document, mention: Mention) -> str:
    """The characters from the first word of a mention to its last."""
    assert document.offsets is not None
    assert document.text is not None
    words = document.offsets[mention.sentence][mention.start : mention.end]
    return document.text[words[0][0] : words[-1][1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("id"), ': key "id" is missing'),
        (lambda row: row.update(content=None), ', "content": expected a string, found null'),
        (
            lambda row: row.update(content="Ana \ud800"),
            ", \"content\": has a lone surrogate, '\\ud800', which is not a character; "
            "fix the encoding of the file that it comes from",
        ),
        (lambda row: row.pop("relations"), ': key "relations" is missing'),
        (lambda row: row.update(mentions={}), ', "mentions": expected a list, found {}'),
        (lambda row: row["mentions"].insert(1, "Ana"), ', mention 1: expected an object, found "Ana"'),
        (
            lambda row: row["mentions"][1].update(text="Nurnberg"),
            ', mention 1: is "Nurnberg", but characters 13 to 21 of the text are "Nürnberg"; '
            "the article differs from the one that was annotated",
        ),
        (
            lambda row: row["mentions"][1].update(end=13, text=""),
            ", mention 1: is at characters 13 to 13; expected a start before the end, both within the text's "
            f"{len(TEXT)} characters",
        ),
        (
            lambda row: row["mentions"][1].update(begin=-9, end=4000),
            ", mention 1: is at characters -9 to 4000; expected a start before the end, both within the text's "
            f"{len(TEXT)} characters",
        ),
        (
            lambda row: row["mentions"][1].update(begin=22, end=24, text="\n\n"),
            ', mention "\n\n" at characters 22 to 24: expected a word, found only space',
        ),
        (
            lambda row: row["mentions"][1].update(begin=13.0),
            ', mention 1, "begin": expected a whole number, found 13.0',
        ),
        (
            lambda row: row["mentions"][1].update(concept=3),
            ', mention 1: "concept" is concept id 3, which the document does not have',
        ),
        (lambda row: row["concepts"].append(3), ", concept at index 5: expected an object, found 3"),
        (
            lambda row: row["concepts"].append({"concept": 4, "tags": []}),
            ", concept at index 5: duplicate concept id 4",
        ),
        (lambda row: row["concepts"][2].update(link=5), ', concept at index 2, "link": expected a string, found 5'),
        (lambda row: row["concepts"][2].update(tags=[5]), ', concept at index 2, "tags": expected a string, found 5'),
        (
            lambda row: row["relations"][0].update(o=4),
            ', relation 0: "s" and "o" are both concept id 4; a relation holds between two concepts',
        ),
        (
            lambda row: row["relations"][0].update(o=9),
            ', relation 0: "o" is concept id 9, which the document does not have',
        ),
        (lambda row: row["relations"][0].update(p=17), ', relation 0, "p": expected a string, found 17'),
    ],
)
def test_a_malformed_file_is_refused_and_can_be_skipped(
    tmp_path: Path, change: Callable[[Row], object], message: str
) -> None:
    path = write(tmp_path, VALID, changed(change), VALID)
    issues = IssueCollector(invalid="skip")

    found = message_of(path)
    documents = list(read_dwie(path, issues=issues))

    assert found.startswith(f"DW_2.json{message}")
    assert issues.skipped == [f"{path}/{found}"]
    assert len(documents) == 2


def test_a_file_that_is_no_json_object_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, [1], VALID)
    (path / "DW_3.json").write_text("{")
    issues = IssueCollector(invalid="skip")

    assert len(list(read_dwie(path, issues=issues))) == 1
    assert [problem.removeprefix(f"{path}/")[:30] for problem in issues.skipped] == [
        "DW_1.json: expected an object,",
        "DW_3.json, line 1, column 2: n",
    ]


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "annos"):
        with pytest.raises(
            AtlopError, match=r"expected a folder with DWIE's \.json files, one per document; found none"
        ):
            read(path)


def made_text(row: Row) -> str:
    """A text that has each mention in its place, and sentences between them."""
    length = max(mention["end"] for mention in row["mentions"]) + 7
    characters = list(("and so it was. Then came " * length)[:length])
    for item in row["mentions"]:
        characters[item["begin"] : item["end"]] = item["text"]
    return "".join(characters)


def test_the_real_annotations_are_read_whole_with_made_texts(real_data: Path, tmp_path: Path) -> None:
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((real_data / "dwie/annos").glob("*.json"))]
    path = write(tmp_path, *(row | {"content": made_text(row)} for row in rows))

    documents, issues = read(path)

    assert len(documents) == 10
    assert issues.duplicate_facts == 1
    by_id = {row["id"]: row for row in rows}
    for document in documents:
        row = by_id[document.title]
        mentions = [mention for entity in document.entities for mention in entity.mentions]
        assert len(mentions) == len(row["mentions"])
        assert all(read_back(document, mention) == mention.name for mention in mentions)
        assert len(document.sentences) > 1
    assert sum(len(document.facts or ()) for document in documents) == 240 - 16 - 1  # unmentioned, repeated
    assert {document.title for document in read(path, split="test")[0]} == {"DW_2434018", "DW_40556147"}


def test_the_docred_format_version_has_the_same_entities_and_facts(real_data: Path, tmp_path: Path) -> None:
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((real_data / "dwie/annos").glob("*.json"))]
    documents, _ = read(write(tmp_path, *(row | {"content": made_text(row)} for row in rows)))
    version = {document.title: document for document in read_corpus(real_data / "dwie/dev.json").documents}

    common = [(document, version[document.title]) for document in documents if document.title in version]

    assert len(common) == 2
    for ours, theirs in common:
        assert [
            [(mention.name, f"type::{mention.type}") for mention in entity.mentions] for entity in ours.entities
        ] == [[(mention.name, mention.type) for mention in entity.mentions] for entity in theirs.entities]
        assert {fact.key for fact in ours.facts or ()} == {fact.key for fact in theirs.facts or ()}
