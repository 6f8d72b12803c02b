"""What is odd about a file is counted, and told in a line for each kind."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import IssueCollector, log_issues
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Fact
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
    assert list(issues.issues().counts().values()) == [2, 2, 6, 8, 0, 2, 2, 0, 0]


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
