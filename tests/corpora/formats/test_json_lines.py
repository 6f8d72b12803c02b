import copy
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import IssueCollector, read_corpus
from atlop.corpora.formats.json_lines.reader import read_json_lines
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention

Row = dict[str, Any]

TEXT = "Skai TV is Greek. It is based in Piraeus."
VALID: Row = {
    "title": "Skai TV",
    "text": TEXT,
    "entities": [
        {"mentions": [[0, 7], [18, 20]], "type": "ORG", "id": "Q2629337"},
        {"mentions": [[33, 40]], "type": "LOC"},
    ],
    "relations": [{"subject": 0, "object": 1, "relation": "P159", "evidence": [0, 1]}],
}
OFFSETS = (
    ((0, 4), (5, 7), (8, 10), (11, 16), (16, 17)),
    ((18, 20), (21, 23), (24, 29), (30, 32), (33, 40), (40, 41)),
)
"""How TEXT is cut."""
FORMAT = 'expected one JSON object per line, with "text", "entities" and, where labelled, "relations"'


def changed(change: Callable[[Row], object]) -> Row:
    row = copy.deepcopy(VALID)
    change(row)
    return row


def write(folder: Path, *rows: object, name: str = "dev.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> tuple[Document, ...]:
    return tuple(read_json_lines(path, issues=IssueCollector()))


def read_one(folder: Path, change: Callable[[Row], object]) -> Document:
    [document] = read(write(folder, changed(change)))
    return document


def message_of(path: Path) -> str:
    """Return the message of the strict reader; the lenient one has the same and goes on."""
    with pytest.raises(AtlopError) as error:
        read(path)
    issues = IssueCollector(invalid="skip")
    list(read_json_lines(path, issues=issues))
    assert issues.skipped[0] == str(error.value)
    return str(error.value).removeprefix(f"{path.parent}/")


def test_a_valid_line_gives_its_document_with_the_text_cut_into_words(tmp_path: Path) -> None:
    skai = Entity(
        (Mention("Skai TV", 0, 0, 2, "ORG", ((0, 7),)), Mention("It", 1, 0, 1, "ORG", ((18, 20),))), "Q2629337"
    )
    piraeus = Entity((Mention("Piraeus", 1, 4, 5, "LOC", ((33, 40),)),))

    assert read(write(tmp_path, VALID)) == (
        Document(
            title="Skai TV",
            sentences=(("Skai", "TV", "is", "Greek", "."), ("It", "is", "based", "in", "Piraeus", ".")),
            entities=(skai, piraeus),
            facts=(Fact(0, 1, "P159", (0, 1)),),
            text=TEXT,
            offsets=OFFSETS,
        ),
    )


def test_text_and_entities_are_enough_and_the_line_names_a_document_without_a_title(tmp_path: Path) -> None:
    row = {"text": TEXT, "entities": [{"mentions": [[33, 40]]}]}

    _, document = read(write(tmp_path, VALID, row))

    assert (document.title, document.facts, document.pairs, document.directed) == ("line 2", None, None, True)
    assert document.entities == (Entity((Mention("Piraeus", 1, 4, 5, "", ((33, 40),)),)),)


def test_an_empty_list_says_that_there_are_no_relations(tmp_path: Path) -> None:
    assert read_one(tmp_path, lambda row: row["relations"].clear()).facts == ()


def test_other_keys_and_one_entity_and_none_and_an_empty_text_are_fine(tmp_path: Path) -> None:
    bare = {"text": "", "entities": [], "relations": [], "url": {"of": None}}
    lonely = changed(lambda row: row.update(entities=row["entities"][:1], relations=[]))

    assert [len(document.entities) for document in read(write(tmp_path, bare, lonely))] == [0, 1]


def test_packed_files_and_blank_lines_and_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    line = json.dumps(VALID).encode()
    packed = tmp_path / "dev.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \n" + line))

    first, second = read(packed)

    assert first == second == read(write(tmp_path, VALID))[0]


def test_a_line_ends_at_a_line_feed_only(tmp_path: Path) -> None:
    row = {"text": "One\u2028two\x85three", "entities": []}
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8", newline="\n")

    assert read(path)[0].text == row["text"]


def test_an_empty_file_has_no_documents(tmp_path: Path) -> None:
    assert read(write(tmp_path)) == ()


def test_documents_are_yielded_before_the_rest_of_the_file_is_read(tmp_path: Path) -> None:
    documents = read_json_lines(write(tmp_path, VALID, 3), issues=IssueCollector())

    assert next(documents).title == "Skai TV"
    with pytest.raises(AtlopError, match="line 2"):
        next(documents)


def test_an_emoji_is_one_character(tmp_path: Path) -> None:
    document = read(write(tmp_path, {"text": "😀 Piraeus", "entities": [{"mentions": [[2, 9]]}]}))[0]

    assert document.entities[0].name == "Piraeus"


# mentions


def test_a_mention_may_have_a_name_and_a_type_of_its_own(tmp_path: Path) -> None:
    document = read_one(
        tmp_path,
        lambda row: row["entities"][0]["mentions"].__setitem__(1, {"spans": [[18, 20]], "name": "Skai", "type": "TV"}),
    )

    assert document.entities[0].mentions[1] == Mention("Skai", 1, 0, 1, "TV", ((18, 20),))


def test_a_discontinuous_mention_is_named_by_its_parts_and_no_sentence_ends_inside_it(tmp_path: Path) -> None:
    document = read_one(
        tmp_path,
        lambda row: row.update(entities=[{"mentions": [{"spans": [[0, 4], [18, 20]]}]}], relations=[]),
    )

    assert len(document.sentences) == 1
    assert document.entities[0].mentions == (Mention("Skai It", 0, 0, 6, "", ((0, 4), (18, 20))),)


def test_words_end_where_a_mention_does(tmp_path: Path) -> None:
    document = read_one(tmp_path, lambda row: row["entities"][1].update(mentions=[[33, 36]]))

    assert document.sentences[1][4:6] == ("Pir", "aeus")


# words


def test_listed_words_are_kept_with_empty_sentences(tmp_path: Path) -> None:
    words = [[], [[0, 7], [8, 17]], [], [[18, 20], [33, 40]], []]

    document = read_one(tmp_path, lambda row: row.update(words=words))

    assert document.sentences == ((), ("Skai TV", "is Greek."), (), ("It", "Piraeus"), ())
    assert [(mention.sentence, mention.start, mention.end) for mention in document.entities[0].mentions] == [
        (1, 0, 1),
        (3, 0, 1),
    ]
    assert document.entities[1].mentions[0].start == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words.__setitem__(0, 5), ", sentence 0: expected a list, found 5"),
        (
            lambda words: words[1].__setitem__(2, 24),
            ", sentence 1, word 2: expected [start, end] in characters, found 24",
        ),
        (
            lambda words: words[1].__setitem__(2, [24, 29, 30]),
            ", sentence 1, word 2: expected [start, end] in characters, found [24, 29, 30]",
        ),
        (
            lambda words: words[1].__setitem__(2, [24, True]),
            ", sentence 1, word 2: expected [start, end] in characters, found [24, true]",
        ),
        (
            lambda words: words[0].__setitem__(0, [-1, 4]),
            ", sentence 0, word 0: starts at character -1; characters are numbered from 0",
        ),
        (
            lambda words: words[1].__setitem__(2, [24, 24]),
            ", sentence 1, word 2: starts at character 24 and ends at character 24, so it has none; "
            "the end is one past the last character",
        ),
        (
            lambda words: words[1].__setitem__(5, [40, 42]),
            ", sentence 1, word 5: ends at character 42, but the text has 41 characters",
        ),
        (
            lambda words: words[1].__setitem__(0, [16, 20]),
            ", sentence 1, word 0: starts at character 16, before the previous word ends (17); "
            "expected words in the order of the text that do not overlap",
        ),
        (
            lambda words: words[0].__setitem__(slice(0, 2), [[0, 5], [5, 7], [7, 8]]),
            None,
        ),
        (
            lambda words: words[0].__setitem__(slice(0, 2), [[0, 8]]),
            ", entity 0, mention 0: ends at character 7, inside the word at 0 to 8; split the word there, "
            'or omit "words"',
        ),
        (
            lambda words: words[1].__setitem__(slice(3, 5), [[30, 40]]),
            ", entity 1, mention 0: starts at character 33, inside the word at 30 to 40; split the word there, "
            'or omit "words"',
        ),
        (
            lambda words: words[1].pop(4),
            ', entity 1, mention 0: "words" has no word at characters 33 to 40; add the words there',
        ),
        (
            lambda words: words.__setitem__(0, words[0][:1]) or words.insert(1, list(map(list, OFFSETS[0][1:]))),
            ", entity 0, mention 0: extends from sentence 0 to sentence 1; expected a mention within one sentence",
        ),
    ],
)
def test_malformed_words_are_refused(
    tmp_path: Path, change: Callable[[list[Any]], object], message: str | None
) -> None:
    words = [[list(word) for word in sentence] for sentence in OFFSETS]
    change(words)
    path = write(tmp_path, changed(lambda row: row.update(words=words)))

    if message is None:
        assert read(path)
    else:
        assert message_of(path) == f'dev.jsonl, line 1 ("Skai TV"){message}'


def test_null_counts_as_missing_where_a_key_is_optional(tmp_path: Path) -> None:
    def add_nulls(row: Row) -> None:
        row |= {"words": None, "pairs": None, "directed": None}
        row["entities"][1] |= {
            "id": None,
            "type": None,
            "mentions": [{"spans": [[33, 40]], "name": None, "type": None}],
        }
        row["relations"][0] |= {"novelty": None}

    def leave_out(row: Row) -> None:
        del row["entities"][1]["type"]

    assert read_one(tmp_path, add_nulls) == read_one(tmp_path, leave_out)
    [bare] = read(write(tmp_path, VALID | {"title": None, "relations": None}))
    assert (bare.title, bare.facts) == ("line 1", None)


def test_the_output_of_ner_systems_is_read_with_its_types(tmp_path: Path) -> None:
    spacy = {"start": 0, "end": 7, "label": "ORG"}
    transformers = {"entity_group": "LOC", "score": 0.99, "word": "piraeus", "start": 33, "end": 40}

    ungrouped = read_one(tmp_path, lambda row: row.update(entities=[spacy, transformers]))
    grouped = read_one(
        tmp_path, lambda row: row.update(entities=[{"mentions": [spacy]}, {"mentions": [[33, 40]], "label": "LOC"}])
    )

    for document in (ungrouped, grouped):
        assert [(entity.mentions[0].type, entity.name) for entity in document.entities] == [
            ("ORG", "Skai TV"),
            ("LOC", "Piraeus"),
        ]
        assert document.facts == (Fact(0, 1, "P159", (0, 1)),)


def test_relations_and_pairs_of_ungrouped_mentions_are_those_of_their_entities(tmp_path: Path) -> None:
    row = {
        "text": "Bonn, Ada, Bonn.",
        "entities": [[0, 4], [6, 9], [11, 15]],
        "relations": [
            {"subject": subject, "object": object_, "relation": "in"} for subject, object_ in ((1, 2), (1, 0))
        ],
        "pairs": [[1, 0], [1, 2], [0, 2]],
    }
    issues = IssueCollector()

    [document] = read_json_lines(write(tmp_path, row), issues=issues)

    assert [len(entity.mentions) for entity in document.entities] == [2, 1]
    assert (document.facts, document.pairs, issues.duplicate_facts) == ((Fact(1, 0, "in"),), ((1, 0),), 1)


@pytest.mark.parametrize("name", ["dev.json", "dev.jsonl"])
def test_a_json_list_of_documents_is_read_like_lines(tmp_path: Path, name: str) -> None:
    rows = [VALID, {key: value for key, value in VALID.items() if key != "title"}, {"text": 5}]
    path = tmp_path / name
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")

    corpus = read_corpus(path, invalid="skip")

    assert [document.title for document in corpus] == ["Skai TV", "document 1"]
    assert replace(corpus.documents[1], title="Skai TV") == corpus.documents[0] == read(write(tmp_path, VALID))[0]
    assert corpus.issues.skipped == (f'{path}, document 2, "text": expected a string, found 5',)


# pairs and direction


def test_listed_pairs_are_kept_in_order(tmp_path: Path) -> None:
    assert read_one(tmp_path, lambda row: row.update(pairs=[[1, 0], [0, 1]])).pairs == ((1, 0), (0, 1))
    assert read_one(tmp_path, lambda row: row.update(pairs=[])).pairs == ()


def test_relations_without_direction_have_the_lower_entity_as_subject_and_are_merged(tmp_path: Path) -> None:
    back = {"subject": 1, "object": 0, "relation": "P159"}
    path = write(
        tmp_path, changed(lambda row: row.update(directed=False, relations=[back, *row["relations"], back, back]))
    )
    issues = IssueCollector()

    [document] = read_json_lines(path, issues=issues)

    assert (document.directed, document.facts, issues.duplicate_facts) == (False, (Fact(0, 1, "P159"),), 3)


def test_pairs_without_direction_have_the_lower_entity_as_subject(tmp_path: Path) -> None:
    assert read_one(tmp_path, lambda row: row.update(directed=False, pairs=[[1, 0]])).pairs == ((0, 1),)

    path = write(tmp_path, changed(lambda row: row.update(directed=False, pairs=[[1, 0], [0, 1]])))
    assert message_of(path).endswith(", pair 1: repeats pair 0; list each pair once")


def test_relations_that_no_pair_stands_for_are_kept_and_counted(tmp_path: Path) -> None:
    own = {"subject": 0, "object": 0, "relation": "P159"}
    free, listed = IssueCollector(), IssueCollector()
    row = changed(lambda row: row["relations"].append(own))

    [one] = read_json_lines(write(tmp_path, row), issues=free)
    [two] = read_json_lines(write(tmp_path, row | {"pairs": [[1, 0]]}), issues=listed)

    assert one.facts == two.facts == (Fact(0, 1, "P159", (0, 1)), Fact(0, 0, "P159"))
    assert (free.self_relations, free.unclassified_facts) == (1, 0)
    assert (listed.self_relations, listed.unclassified_facts) == (1, 1)


# relations


def test_novelty_is_kept_and_evidence_need_not_be_there(tmp_path: Path) -> None:
    relation = {"subject": 1, "object": 0, "relation": "Association", "novelty": "No"}

    assert read_one(tmp_path, lambda row: row.update(relations=[relation])).facts == (
        Fact(1, 0, "Association", (), "No"),
    )


def test_repeated_relations_are_merged_and_the_first_stays(tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda row: row["relations"].append({**row["relations"][0], "evidence": []})))
    issues = IssueCollector()

    [document] = read_json_lines(path, issues=issues)

    assert (document.facts, issues.duplicate_facts) == ((Fact(0, 1, "P159", (0, 1)),), 1)


# what is malformed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"Skai TV", f", line 2, column 1: not valid JSON (Expecting value); {FORMAT}"),
        (b"{", f", line 2, column 2: not valid JSON (Expecting property name enclosed in double quotes); {FORMAT}"),
        (
            b"[" * 200_000,
            ", line 2: lists or objects are nested thousands of levels deep; expected JSON that a parser can read",
        ),
        (b'{"text": "a"} {}', f", line 2, column 15: not valid JSON (Extra data); {FORMAT}"),
        (b"[]", f", line 2: {FORMAT}; found []"),
        (b"3", f", line 2: {FORMAT}; found 3"),
        (b'{"text": "\xff"}', ", line 2: byte 10 is not UTF-8; expected JSON in UTF-8"),
        (
            b'{"text": "a \\uD83D b", "entities": []}',
            ", line 2: has a lone surrogate, '\\ud83d', which is not a character; "
            "fix the encoding of the file that it comes from",
        ),
        (
            b'{"title": "\\ud83d", "text": "", "entities": []}',
            ", line 2: has a lone surrogate, '\\ud83d', which is not a character; "
            "fix the encoding of the file that it comes from",
        ),
    ],
)
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_bytes(json.dumps(VALID).encode() + b"\n" + line + b"\n")

    assert message_of(path) == f"dev.jsonl{message}"


def test_a_whole_surrogate_pair_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_bytes(b'{"text": "\\ud83d\\ude00", "entities": []}\n')

    assert read(path)[0].text == "😀"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.update(title=7), ', "title": expected a string, found 7'),
        (lambda row: row.pop("title") and row.pop("text"), ': key "text" is missing; found "entities", "relations"'),
    ],
)
def test_a_document_without_a_proper_title_is_named_by_its_line(
    tmp_path: Path, change: Callable[[Row], object], message: str
) -> None:
    assert message_of(write(tmp_path, VALID, changed(change))) == f"dev.jsonl, line 2{message}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.update(text=["Skai"]), ', "text": expected a string, found ["Skai"]'),
        (lambda row: row.pop("entities"), ': key "entities" is missing; found "title", "text", "relations"'),
        (lambda row: row.update(entities={}), ', "entities": expected a list, found {}'),
        (lambda row: row.update(entities=None), ': key "entities" is missing; found "title", "text", "relations"'),
        (lambda row: row.update(relations=5), ', "relations": expected a list, found 5'),
        (lambda row: row.update(words=5), ', "words": expected a list, found 5'),
        (lambda row: row.update(pairs="all"), ', "pairs": expected a list, found "all"'),
        (lambda row: row.update(directed=1), ', "directed": expected true or false, found 1'),
        (lambda row: row.update(pairs=[3]), ", pair 0: expected a list, found 3"),
        (lambda row: row.update(pairs=[[0]]), ", pair 0: expected [subject, object], found [0]"),
        (lambda row: row.update(pairs=[[0, "1"]]), ', pair 0, item 1: expected a whole number, found "1"'),
        (
            lambda row: row.update(pairs=[[0, 1], [0, 2]]),
            ", pair 1: its object is entity 2, but the document has 2 entities, numbered from 0",
        ),
        (
            lambda row: row.update(pairs=[[1, 1]]),
            ", pair 0: subject and object are both entity 1; expected two entities",
        ),
        (lambda row: row.update(pairs=[[0, 1], [1, 0], [0, 1]]), ", pair 2: repeats pair 0; list each pair once"),
    ],
)
def test_a_malformed_document_is_refused(tmp_path: Path, change: Callable[[Row], object], message: str) -> None:
    assert message_of(write(tmp_path, VALID, changed(change))) == f'dev.jsonl, line 2 ("Skai TV"){message}'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row["entities"].__setitem__(0, 7), ": expected an object, found 7"),
        (lambda row: row["entities"][0].pop("mentions"), ': key "mentions" is missing; found "type", "id"'),
        (lambda row: row["entities"][0].update(mentions=[]), ": has no mentions; expected at least one"),
        (lambda row: row["entities"][0].update(mentions={}), ', "mentions": expected a list, found {}'),
        (lambda row: row["entities"][0].update(type=5), ', "type": expected a string, found 5'),
        (lambda row: row["entities"][0].update(id=5), ', "id": expected a string, found 5'),
    ],
)
def test_a_malformed_entity_is_refused(tmp_path: Path, change: Callable[[Row], object], message: str) -> None:
    assert message_of(write(tmp_path, changed(change))) == f'dev.jsonl, line 1 ("Skai TV"), entity 0{message}'


@pytest.mark.parametrize(
    ("mention", "message"),
    [
        ("Skai TV", ': expected [start, end], or an object with "spans"; found "Skai TV"'),
        (0, ': expected [start, end], or an object with "spans"; found 0'),
        ([0], ": expected [start, end] in characters, found [0]"),
        ([[0, 7]], ": expected [start, end] in characters, found [[0, 7]]"),
        ([0, 7.0], ", item 1: expected a whole number, found 7.0"),
        ([-1, 7], ": starts at character -1; characters are numbered from 0"),
        (
            [7, 7],
            ": starts at character 7 and ends at character 7, so it has none; the end is one past the last character",
        ),
        (
            [7, 0],
            ": starts at character 7 and ends at character 0, so it has none; the end is one past the last character",
        ),
        ([33, 42], ": ends at character 42, but the text has 41 characters"),
        ([17, 18], ": has only space; expected characters of a word"),
        ({"name": "Skai TV"}, ': key "spans" is missing; found "name"'),
        ({"spans": 0}, ', "spans": expected a list, found 0'),
        ({"spans": []}, ', "spans": is empty; expected at least one [start, end]'),
        ({"spans": [0, 7]}, ", span 0: expected a list, found 0"),
        ({"spans": [[0, 4], [33, 42]]}, ", span 1: ends at character 42, but the text has 41 characters"),
        (
            {"spans": [[0, 4], [2, 7]]},
            ", span 1: starts at character 2, before span 0 ends (4); "
            "expected spans in the order of the text that do not overlap",
        ),
        (
            {"spans": [[5, 7], [0, 4]]},
            ", span 1: starts at character 0, before span 0 ends (7); "
            "expected spans in the order of the text that do not overlap",
        ),
        ({"spans": [[0, 7]], "name": 5}, ', "name": expected a string, found 5'),
        ({"start": 0, "type": "ORG"}, ': key "end" is missing; found "start", "type"'),
        ({"start": 0, "end": 99}, ", span 0: ends at character 99, but the text has 41 characters"),
        ({"spans": [[0, 7]], "type": 1}, ', "type": expected a string, found 1'),
    ],
)
def test_a_malformed_mention_is_refused(tmp_path: Path, mention: object, message: str) -> None:
    path = write(tmp_path, changed(lambda row: row["entities"][1]["mentions"].append(mention)))

    assert message_of(path) == f'dev.jsonl, line 1 ("Skai TV"), entity 1, mention 1{message}'


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ([0, 1, "P159"], ': expected an object, found [0, 1, "P159"]'),
        ({"subject": 0, "relation": "P159"}, ': key "object" is missing; found "subject", "relation"'),
        ({"subject": 0, "object": 1}, ': key "relation" is missing; found "subject", "object"'),
        ({"subject": True, "object": 1}, ', "subject": expected a whole number, found true'),
        (
            {"subject": -1, "object": 1, "relation": "P159"},
            ": its subject is entity -1, but the document has 2 entities, numbered from 0",
        ),
        (
            {"subject": 0, "object": 2, "relation": "P159"},
            ": its object is entity 2, but the document has 2 entities, numbered from 0",
        ),
        ({"subject": 0, "object": 1, "relation": 159}, ', "relation": expected a string, found 159'),
        (
            {"subject": 0, "object": 1, "relation": "P159", "evidence": [2]},
            ": its evidence is sentence 2, but the document has 2 sentences, numbered from 0",
        ),
        (
            {"subject": 0, "object": 1, "relation": "P159", "evidence": ["0"]},
            ', "evidence", item 0: expected a whole number, found "0"',
        ),
        (
            {"subject": 0, "object": 1, "relation": "P159", "novelty": 5},
            ', "novelty": expected a string, found 5',
        ),
    ],
)
def test_a_malformed_relation_is_refused(tmp_path: Path, relation: object, message: str) -> None:
    path = write(tmp_path, changed(lambda row: row["relations"].append(relation)))

    assert message_of(path) == f'dev.jsonl, line 1 ("Skai TV"), relation 1{message}'


def test_skip_leaves_invalid_documents_out_and_what_they_list_twice_uncounted(tmp_path: Path) -> None:
    invalid = changed(lambda row: row["relations"].extend([row["relations"][0], {}]))
    path = write(tmp_path, invalid, VALID, 3)
    issues = IssueCollector(invalid="skip")

    documents = list(read_json_lines(path, issues=issues))

    assert [document.title for document in documents] == ["Skai TV"]
    assert issues.duplicate_facts == 0
    assert issues.skipped == [
        f'{path}, line 1 ("Skai TV"), relation 2: key "subject" is missing; found no key',
        f"{path}, line 3: {FORMAT}; found 3",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"nowhere\.jsonl: no such file; check the path"):
        read(tmp_path / "nowhere.jsonl")
