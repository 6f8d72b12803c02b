import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from atlop.config import Invalid
from atlop.corpora.formats.cdr_gda import read_cdr_gda
from atlop.corpora.issues import IssueCollector
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention
from tests.golden_values import MAX_LENGTH, each_encoder, golden_tokenizer
from tests.reference_listed_pairs import listed_features

TEXT = "Velocine relieved mild tremor .|Ataxia came with velocine and with opterine - B ."
VELOCINE = ["D1", "Velocine|velocine", "Chemical", "0:8", "1:9", "0:1"]
OPTERINE = ["D2", "opterine - B", "Chemical", "11", "14", "1"]
TREMOR = ["D8", "mild tremor|tremor", "Disease", "2:3", "4:4", "0:0"]
ATAXIA = ["D9", "Ataxia", "Disease", "5", "6", "1"]

Columns = list[str]


def pair(first: Columns, second: Columns, *, label: str = "1:NR:2", direction: str = "L2R") -> Columns:
    return [label, direction, "CROSS", "0-1", "5-6", *first, *second]


def line(*pairs: Columns, title: str = "900", text: str = TEXT) -> str:
    return "\t".join([title, text, *(column for columns in pairs for column in columns)]) + "\n"


VALID = line(
    pair(VELOCINE, TREMOR),
    pair(VELOCINE, ATAXIA, label="1:CID:2", direction="R2L"),
    pair(OPTERINE, ATAXIA, label="not_include", direction="R2L"),
)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "dev.data"
    path.write_bytes("".join(lines).encode())
    return path


def read(path: Path, *, invalid: Invalid = "strict") -> tuple[list[Document], IssueCollector]:
    issues = IssueCollector(invalid=invalid)
    return list(read_cdr_gda(path, issues=issues)), issues


def only(folder: Path, *lines: str) -> Document:
    (document,), _ = read(write(folder, *lines))
    return document


def test_a_line_gives_a_document_with_its_pairs_oriented_by_the_text(tmp_path: Path) -> None:
    assert only(tmp_path, VALID) == Document(
        title="900",
        sentences=(
            ("Velocine", "relieved", "mild", "tremor", "."),
            ("Ataxia", "came", "with", "velocine", "and", "with", "opterine", "-", "B", "."),
        ),
        entities=(
            Entity((Mention("Velocine", 0, 0, 1, "Chemical"), Mention("velocine", 1, 3, 4, "Chemical")), "D1"),
            Entity((Mention("mild tremor", 0, 2, 4, "Disease"), Mention("tremor", 0, 3, 4, "Disease")), "D8"),
            Entity((Mention("Ataxia", 1, 0, 1, "Disease"),), "D9"),
            Entity((Mention("opterine - B", 1, 6, 9, "Chemical"),), "D2"),
        ),
        facts=(Fact(2, 0, "CID"),),
        pairs=((0, 1), (2, 0)),
    )


def test_entities_are_numbered_by_first_appearance_subject_first(tmp_path: Path) -> None:
    document = only(
        tmp_path,
        line(
            pair(OPTERINE, TREMOR, label="not_include"),
            pair(VELOCINE, ATAXIA, direction="R2L"),
            pair(VELOCINE, TREMOR, label="1:CID:2"),
        ),
    )

    assert [entity.identifier for entity in document.entities] == ["D9", "D1", "D8", "D2"]
    assert document.pairs == ((0, 1), (1, 2))
    assert document.facts == (Fact(1, 2, "CID"),)


def test_mentions_that_only_a_pair_left_out_has_make_an_entity_that_no_pair_names(tmp_path: Path) -> None:
    tremor = ["D8", "mild tremor|mild", "Disease", "2:2", "4:3", "0:0"]
    document = only(tmp_path, line(pair(OPTERINE, tremor, label="not_include"), pair(VELOCINE, TREMOR)))

    assert document.pairs == ((0, 1),)
    assert [entity.identifier for entity in document.entities] == ["D1", "D8", "D2", "D8"]
    assert [mention.name for mention in document.entities[1].mentions] == ["mild tremor", "tremor"]
    assert [mention.name for mention in document.entities[3].mentions] == ["mild"]


def test_the_first_classified_pair_says_where_an_entity_is_mentioned(tmp_path: Path) -> None:
    tremor = ["D8", "mild tremor|mild", "Disease", "2:2", "4:3", "0:0"]
    document = only(tmp_path, line(pair(VELOCINE, TREMOR), pair(OPTERINE, tremor)))

    assert document.pairs == ((0, 1), (2, 1))
    assert [entity.identifier for entity in document.entities] == ["D1", "D8", "D2", "D8"]
    assert [mention.name for mention in document.entities[1].mentions] == ["mild tremor", "tremor"]


def test_a_mention_listed_twice_counts_twice(tmp_path: Path) -> None:
    ataxia = ["D9", "Ataxia|Ataxia", "Disease", "5:5", "6:6", "1:1"]

    assert len(only(tmp_path, line(pair(VELOCINE, ataxia))).entities[1].mentions) == 2


def test_a_name_may_differ_from_the_words(tmp_path: Path) -> None:
    ataxia = ["D9", "Atax", "Disease", "5", "6", "1"]

    assert only(tmp_path, line(pair(VELOCINE, ataxia))).entities[1].name == "Atax"


def test_a_document_without_pairs_has_no_entities(tmp_path: Path) -> None:
    document = only(tmp_path, line())

    assert (document.entities, document.facts, document.pairs) == ((), (), ())


def test_empty_sentences_are_kept_and_hold_no_mention(tmp_path: Path) -> None:
    ataxia = ["D9", "Ataxia", "Disease", "5", "6", "2"]
    document = only(
        tmp_path, line(pair(["D1", "Velocine", "Chemical", "0", "1", "0"], ataxia), text=TEXT.replace("|", "||"))
    )

    assert list(map(len, document.sentences)) == [5, 0, 10]
    assert document.entities[1].mentions == (Mention("Ataxia", 2, 0, 1, "Disease"),)


def test_line_ends_blank_lines_a_byte_order_mark_and_packing_do_not_matter(tmp_path: Path) -> None:
    documents, _ = read(write(tmp_path, VALID))
    loose = write(tmp_path, "\ufeff", VALID.replace("\n", "\r\n"), "\n", " \n")
    packed = tmp_path / "dev.data.gz"
    packed.write_bytes(gzip.compress(VALID.encode()))

    assert read(loose)[0] == documents
    assert read(packed)[0] == documents


def test_a_pair_that_is_listed_twice_is_one_pair(tmp_path: Path) -> None:
    cid, other = pair(VELOCINE, ATAXIA, label="1:CID:2"), pair(VELOCINE, ATAXIA, label="1:CURES:2")
    (document,), issues = read(write(tmp_path, line(pair(VELOCINE, TREMOR), cid, other, cid, pair(VELOCINE, TREMOR))))

    assert document.pairs == ((0, 1), (0, 2))
    assert document.facts == (Fact(0, 2, "CID"), Fact(0, 2, "CURES"))
    assert issues.duplicate_facts == 1


@pytest.mark.parametrize("invalid", ["strict", "skip"])
def test_a_document_that_comes_twice_is_one_document(tmp_path: Path, invalid: Invalid) -> None:
    path = write(tmp_path, VALID, line(title="901"), VALID.replace("\n", "\r\n"))

    documents, issues = read(path, invalid=invalid)

    assert [document.title for document in documents] == ["900", "901"]
    assert (issues.duplicate_documents, issues.duplicate_facts, issues.skipped) == (1, 0, [])


def test_of_different_documents_with_one_id_the_first_stays(tmp_path: Path) -> None:
    path = write(tmp_path, VALID, line(pair(VELOCINE, TREMOR)))
    message = f'{path}, line 2 (document "900"): line 1 has another document with this id; keep one of the two'

    with pytest.raises(AtlopError) as error:
        read(path)
    documents, issues = read(path, invalid="skip")

    assert str(error.value) == message
    assert issues.skipped == [message]
    assert [len(document.pairs or ()) for document in documents] == [2]


def test_an_invalid_document_does_not_stand_for_a_valid_one_of_the_same_id(tmp_path: Path) -> None:
    documents, issues = read(write(tmp_path, VALID.replace("CID", ""), VALID), invalid="skip")

    assert len(documents) == len(issues.skipped) == 1


def replaced(found: str, put: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert found in text
        return text.replace(found, put, 1)

    return change


COUNTS = "expected one of each for every mention"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "900\n", ": columns: 1; expected the id, the text and 17 for each pair, separated by tabs"),
        (
            lambda text: text.replace("\n", "\t\n"),
            ": columns: 54; expected the id, the text and 17 for each pair, separated by tabs",
        ),
        (
            replaced("1:NR:2", "2:CID:1"),
            ', pair 0: label "2:CID:1"; expected 1:RELATION:2 (for example 1:CID:2), 1:NR:2 or not_include',
        ),
        (
            replaced("1:CID:2", "1::2"),
            ', pair 1: label "1::2"; expected 1:RELATION:2 (for example 1:CID:2), 1:NR:2 or not_include',
        ),
        (replaced("L2R", "l2r"), ', pair 0: direction "l2r"; expected L2R or R2L'),
        (
            replaced("CROSS", "0"),
            ', pair 0: "0" after the direction; expected CROSS or NON-CROSS',
        ),
        (replaced("D8", "D1"), ", pair 0: both arguments are D1; a relation holds between two entities"),
        (replaced("D8", ""), ", pair 0, argument 1: the id is empty"),
        (
            replaced("1:9", "1"),
            f", pair 0, argument 0 (D1): names: 2, first words: 2, ends: 1, sentences: 2; {COUNTS}",
        ),
        (
            replaced("0:8", "0"),
            f", pair 0, argument 0 (D1): names: 2, first words: 1, ends: 2, sentences: 2; {COUNTS}",
        ),
        (
            replaced("\t0:1\t", "\t0:1:1\t"),
            f", pair 0, argument 0 (D1): names: 2, first words: 2, ends: 2, sentences: 3; {COUNTS}",
        ),
        (
            replaced("mild tremor|tremor", "tremor"),
            f", pair 0, argument 1 (D8): names: 1, first words: 2, ends: 2, sentences: 2; {COUNTS}",
        ),
        (
            replaced("0:8", "0:-8"),
            ', pair 0, argument 0 (D1), first words: expected whole numbers joined by a colon, found "-8"',
        ),
        (
            replaced("1:9", "1:"),
            ', pair 0, argument 0 (D1), ends: expected whole numbers joined by a colon, found ""',
        ),
        (
            replaced("1:9", "1:" + "9" * 5000),
            f', pair 0, argument 0 (D1), ends: expected whole numbers joined by a colon, found "{"9" * 58}…',
        ),
        (
            replaced("2:3", "2:³"),
            ', pair 0, argument 1 (D8), first words: expected whole numbers joined by a colon, found "³"',
        ),
        (
            replaced("4:4", "4:3"),
            ", pair 0, argument 1 (D8), mention 1: starts at word 3 and ends at word 3, so it has no words; "
            "the end is one past the last word",
        ),
        (
            replaced("1:9", "1:16"),
            ", pair 0, argument 0 (D1), mention 1: ends at word 16, but the document has 15 words",
        ),
        (
            replaced("\t0:1\t", "\t0:0\t"),
            ", pair 0, argument 0 (D1), mention 1: is listed in sentence 0, but its first word 8 is in sentence 1",
        ),
        (
            replaced("\t0:1\t", "\t0:7\t"),
            ", pair 0, argument 0 (D1), mention 1: is listed in sentence 7, but its first word 8 is in sentence 1",
        ),
        (
            replaced("4:4", "4:6"),
            ", pair 0, argument 1 (D8), mention 1: ends at word 6, but its sentence 0 ends at word 5; "
            "expected a mention within one sentence",
        ),
        (
            replaced(TEXT, ""),
            ", pair 0, argument 0 (D1), mention 0: ends at word 1, but the document has 0 words",
        ),
        (
            lambda text: text.replace("\n", "\t" + "\t".join(pair(VELOCINE, TREMOR, label="1:CID:2")) + "\n"),
            ", pair 3: has a relation, but pair 0 of the same entities has none; keep one of the two",
        ),
        (
            replaced(
                "not_include\tR2L", "1:NR:2\tR2L\tCROSS\t0\t0\t" + "\t".join(VELOCINE + ATAXIA) + "\tnot_include\tR2L"
            ),
            ", pair 2: has no relation, but pair 1 of the same entities has one; keep one of the two",
        ),
    ],
)
def test_a_malformed_line_is_refused_and_can_be_skipped(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    path = write(tmp_path, line(title="899"), change(VALID), line(title="901"))
    message = f'{path}, line 2 (document "900"){message}'

    with pytest.raises(AtlopError) as error:
        read(path)
    documents, issues = read(path, invalid="skip")

    assert str(error.value) == message
    assert issues.skipped == [message]
    assert [document.title for document in documents] == ["899", "901"]


def test_a_line_without_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"dev\.data, line 1: the first column is empty; expected the document's id"):
        read(write(tmp_path, line(title=" ")))


def test_a_line_that_is_not_utf8_is_refused_and_can_be_skipped(tmp_path: Path) -> None:
    path = tmp_path / "dev.data"
    path.write_bytes(VALID.replace("relieved", "soulagé").encode("latin-1") + line(title="901").encode())
    message = f'{path}, line 1 (document "900"): byte 19 of the line is not UTF-8'

    with pytest.raises(AtlopError) as error:
        read(path)
    documents, issues = read(path, invalid="skip")

    assert str(error.value) == message
    assert issues.skipped == [message]
    assert len(documents) == 1


def test_a_missing_file_and_a_damaged_packed_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="no such file; check the path"):
        read(tmp_path / "dev.data")
    damaged = tmp_path / "dev.data.gz"
    damaged.write_bytes(gzip.compress(VALID.encode())[:-20])
    with pytest.raises(AtlopError, match="cannot be read"):
        read(damaged, invalid="skip")


def test_the_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = write(tmp_path, VALID, "no document\n")

    assert next(read_cdr_gda(path, issues=IssueCollector())).title == "900"


@each_encoder
def test_the_golden_documents_have_the_golden_features(golden: Path, name: str) -> None:
    documents, _ = read(golden / "cdr_layout.data")
    expected = json.loads((golden / "cdr_features.json").read_text(encoding="utf-8"))[name]

    found = [listed_features(document, golden_tokenizer(name), MAX_LENGTH, {"CID": 1}) for document in documents]

    assert json.loads(json.dumps(found)) == expected


@pytest.mark.parametrize(
    ("name", "relation", "documents", "facts", "pairs"),
    [
        ("cdr/train_filter.data", "CID", 500, 1038, 5240),
        ("cdr/dev_filter.data", "CID", 500, 1012, 5087),
        ("gda/sample200.data", "GDA", 200, 275, 958),
    ],
)
def test_real_corpora_are_read_whole(
    real_data: Path, name: str, relation: str, documents: int, facts: int, pairs: int
) -> None:
    found, issues = read(real_data / name)

    assert len(found) == documents
    assert [fact.relation for document in found for fact in document.facts or ()] == [relation] * facts
    assert sum(len(document.pairs or ()) for document in found) == pairs
    assert (issues.duplicate_facts, issues.duplicate_documents, issues.skipped) == (0, 0, [])
