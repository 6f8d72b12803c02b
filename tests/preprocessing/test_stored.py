"""A corpus is preprocessed in one pass, and again if anything that it depends on changes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from atlop.config import PreprocessingConfig
from atlop.errors import AtlopError
from atlop.preprocessing import GrowingVocabulary, PreprocessedCorpus, Preprocessor, preprocessed_corpus
from atlop.schema import CorpusIssues, Document
from tests.made_documents import assert_same, document, tokenizer_for, word_tokenizer

DOCUMENTS = [
    document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(1, 0, "P17"), (0, 1, "P6")]),
    document("Ada left", entities=[[(0, 0, 1)]], facts=None),
]
TOKENIZER = tokenizer_for(*DOCUMENTS)


class Passes:
    """Documents that count their passes; issues are complete only after one."""

    def __init__(self) -> None:
        self.passes = 0
        self.issues = CorpusIssues()

    def __iter__(self) -> Iterator[Document]:
        self.passes += 1
        yield from DOCUMENTS
        self.issues = CorpusIssues(skipped=("one",), duplicate_facts=3)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLOP_CACHE", str(tmp_path))


def preprocess(source: Passes, **changes: Any) -> PreprocessedCorpus:
    arguments: dict[str, Any] = {
        "name": "train.json",
        "identity": {"file": "digest", "format": "docred"},
        "tokenizer": TOKENIZER,
        "preprocessing": PreprocessingConfig(max_length=8),
    }
    return preprocessed_corpus(source, **(arguments | changes))


def test_a_stored_corpus_equals_the_preprocessed_one_and_is_not_preprocessed_again() -> None:
    source = Passes()
    expected = list(
        Preprocessor(TOKENIZER, vocabulary=GrowingVocabulary(), types=GrowingVocabulary(), max_length=8).preprocess(
            DOCUMENTS
        )
    )
    for corpus in (preprocess(source), preprocess(source), preprocess(Passes())):
        for one, other in zip(corpus, expected, strict=True):
            assert_same(one, other)
        assert corpus.metadata.relations == ("P17", "P6")
        assert corpus.metadata.unlabelled == 1
        assert corpus.metadata.issues == CorpusIssues(skipped=("one",), duplicate_facts=3)
    assert source.passes == 1


@pytest.mark.parametrize(
    "change",
    [
        {"identity": {"file": "digest", "format": "other"}},
        {"tokenizer": word_tokenizer(["Ada"])},
        {"preprocessing": PreprocessingConfig(max_length=9)},
        {"preprocessing": PreprocessingConfig(max_length=8, leading_space=True)},
    ],
)
def test_what_a_corpus_depends_on_makes_another_entry(change: dict[str, Any]) -> None:
    source = Passes()
    preprocess(source)
    preprocess(source, **change)
    assert source.passes == 2


def test_other_code_makes_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Passes()
    preprocess(source)
    monkeypatch.setattr("atlop.preprocessing.stored.preprocessing_sha256", lambda: "other")
    preprocess(source)
    assert source.passes == 2


def test_progress_is_shown_only_while_preprocessing() -> None:
    shown: list[int] = []

    def progress(documents: Iterable[Document]) -> Iterator[Document]:
        for number, item in enumerate(documents):
            shown.append(number)
            yield item

    for _ in range(2):
        preprocess(Passes(), progress=progress)
    assert shown == [0, 1]


def test_a_tokenizer_without_marker_is_refused() -> None:
    tokenizer: PreTrainedTokenizerBase = word_tokenizer(["Ada"], marker=False)
    with pytest.raises(AtlopError, match="no token for the mention marker"):
        preprocess(Passes(), tokenizer=tokenizer)
