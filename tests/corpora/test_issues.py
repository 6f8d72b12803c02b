"""What is odd about a file is counted, and told in a line for each kind."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import IssueCollector, log_issues, read_corpus
from atlop.corpora.mentions import cuts_a_word, is_misnamed
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Document, Fact, Mention
from tests.made_documents import document


def test_what_is_noted_adds_up() -> None:
    listed = replace(
        document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(0, 1, "P6"), (1, 0, "P6")]),
        pairs=((0, 1),),
    )
    own = replace(listed, facts=(*(listed.facts or ()), Fact(1, 1, "P6")), pairs=None)
    issues = IssueCollector(invalid="skip")

    for _ in range(2):
        issues.add_invalid(AtlopError("one"))
        issues.add_duplicate_document()
        issues.add_duplicate_facts(3)
        issues.add_unmentioned_facts(4)
        issues.add_unclassified_facts(listed)
        issues.add_unclassified_facts(own)

    assert issues.issues() == CorpusIssues(("one", "one"), (), 2, 2, 6, 8, 0, 2, 2)
    assert list(issues.issues().counts().values()) == [2, 2, 6, 8, 0, 2, 2, 0, 0, 0]


LINES = '{"title": "%s", "text": "Anna lives in Oslo.", "entities": [{"mentions": [[0, 4]]}]}'
PUBTATOR = "%s|t|Naloxone harms\n%s|a|\n%s\t0\t8\tNaloxone\tChemical\tD1\n\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dev.json", "[" + ",".join(LINES % title for title in "aab") + "]"),
        ("dev.jsonl", "\n".join(LINES % title for title in "aab")),
        ("dev.txt", "".join(PUBTATOR % (title, title, title) for title in "112")),
        ("docred.json", json.dumps([{"title": title, "sents": [["Ada", "left"]], "vertexSet": []} for title in "aab"])),
    ],
)
def test_texts_that_repeat_are_counted_in_every_format(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    corpus = read_corpus(path)

    assert (len(corpus.documents), corpus.summary()["repeated_documents"]) == (3, 2)


def test_documents_without_words_repeat_nothing() -> None:
    issues = IssueCollector()
    for _ in range(2):
        issues.examine(Document("empty", (), (), None), negatives=set())

    assert issues.issues() == CorpusIssues()


@pytest.mark.parametrize(
    ("text", "spans", "cuts"),
    [
        ("Anna left", ((0, 3),), True),
        ("Anna left", ((1, 4),), True),
        ("Anna left", ((0, 4),), False),
        ("Anna left", ((5, 9),), False),
        ("Anna left", ((0, 4), (6, 9)), True),
        ("S100B", ((0, 1),), False),
        ("東京都庁", ((0, 2),), False),
        ("ประเทศไทย", ((0, 6),), False),
        ("서울에서", ((0, 2),), False),
        ("Анна", ((0, 2),), True),
    ],
)
def test_a_mention_cuts_a_word_between_letters_of_two_cases(
    text: str, spans: tuple[tuple[int, int], ...], cuts: bool
) -> None:
    assert cuts_a_word(spans, text=text) == cuts


def test_a_name_may_differ_from_its_words_in_space_alone() -> None:
    words = document("May 30 , 2005 Ada", entities=[[(0, 0, 4)]])

    assert [
        is_misnamed(Mention(name, 0, 0, 4, ""), document=words) for name in ("May\xa030, 2005", "May 30, 2006")
    ] == [
        False,
        True,
    ]


def test_a_few_misnamed_mentions_are_no_hint(real_data: Path) -> None:
    issues = read_corpus(real_data / "docred/test.json").issues

    assert (issues.misnamed_mentions, issues.hints, issues.duplicate_documents) == (6, (), 0)


def test_each_kind_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = CorpusIssues(("one", "two"), ("three",), 1000, 2, 3, 4, 5, 6, 7, misnamed_mentions=8, cut_mentions=9)
        log_issues(Path("a"), documents=9, issues=found)
        log_issues(Path("b"), documents=9, issues=CorpusIssues())

    assert caplog.messages == [
        "document skipped: one",
        "document skipped: two",
        "a: 1000 documents skipped, 9 read",
        "a: 2 documents with the text of an earlier one",
        "a: 3 facts merged with one of the same subject, object and relation (the first is kept)",
        "a: 4 facts left out, because one of their entities has no mention",
        "a: 5 labels left out, because they say that no relation holds",
        "a: 6 facts from an entity to itself, which have no pair",
        "a: 7 facts of pairs that the corpus does not classify",
        "a: three",
    ]
