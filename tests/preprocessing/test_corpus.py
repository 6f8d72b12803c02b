"""An preprocessed corpus in an Arrow table is the list of documents that went into it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from atlop.corpora import read_corpus, relation_counts
from atlop.preprocessing import (
    CorpusMetadata,
    Features,
    GrowingVocabulary,
    PreprocessedCorpus,
    Preprocessor,
    Truncation,
    collate,
)
from atlop.preprocessing import table as table_module
from atlop.preprocessing.table import write_table
from atlop.schema import CorpusIssues, Document, Fact, RelationVocabulary
from tests.made_documents import VOCABULARY, WINDOWING, assert_same, document, tokenizer_for

PLACES = [[(0, 0, 1), (0, 2, 3)], [(0, 1, 2), (0, 2, 3)], [(0, 2, 3)]]
DOCUMENTS = [
    document("Ada Bob Eve", entities=PLACES, facts=[(0, 1, "P131"), (0, 2, "P17"), (2, 1, "P999")], title="one"),
    document("", entities=[], title="nothing"),
    document("Ada left", entities=[[(0, 0, 1)]], facts=None, title="\ud800"),
    document("Bob met Eve", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(1, 0, "P17"), (1, 0, "P999")], title="é"),
]
UNDIRECTED = replace(DOCUMENTS[3], facts=(Fact(0, 1, "P17"),), directed=False)
SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "train.json"


def stored(documents: Sequence[Features], relations: GrowingVocabulary) -> PreprocessedCorpus:
    sink = pa.BufferOutputStream()
    write_table(sink, documents)
    metadata = CorpusMetadata(relations=tuple(relations), types=("PER",), unlabelled=0, issues=CorpusIssues())
    return PreprocessedCorpus(pa.ipc.open_file(sink.getvalue()).read_all(), metadata)


def preprocessed(
    documents: Sequence[Document], *, tokenizer: PreTrainedTokenizerBase | None = None, max_length: int = 8
) -> tuple[list[Features], PreprocessedCorpus]:
    """Return documents preprocessed in memory and stored."""
    relations = GrowingVocabulary()
    preprocessor = Preprocessor(tokenizer or tokenizer_for(*documents), vocabulary=relations, max_length=max_length)
    plain = list(preprocessor.preprocess(documents))
    return plain, stored(plain, relations)


@pytest.fixture(params=[1, 3, 1000])
def _batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of one batch, and of several."""
    monkeypatch.setattr(table_module, "DOCUMENTS_PER_BATCH", request.param)


@pytest.mark.usefixtures("_batches")
def test_documents_come_back_as_they_were() -> None:
    plain, corpus = preprocessed(DOCUMENTS)

    assert len(corpus) == len(plain) == 4
    for expected, found in zip(plain, corpus, strict=True):
        assert_same(found, expected)
    assert_same(corpus[-1], plain[-1])
    assert [item.title for item in corpus[1:3]] == ["nothing", "\ud800"]
    with pytest.raises(IndexError):
        corpus[4]


@pytest.mark.usefixtures("_batches")
def test_labels_are_those_of_the_vocabulary_that_is_given_later() -> None:
    plain = list(Preprocessor(tokenizer_for(*DOCUMENTS), vocabulary=VOCABULARY, max_length=8).preprocess(DOCUMENTS))

    corpus = preprocessed(DOCUMENTS)[1].with_vocabulary(VOCABULARY)

    for expected, found in zip(plain, corpus, strict=True):
        assert_same(found, expected)
    assert corpus.unknown_facts == sum(item.unknown_facts for item in plain) == 2


@pytest.mark.usefixtures("_batches")
def test_the_share_of_pairs_of_a_class_is_that_of_the_labels_written_out() -> None:
    documents = [*DOCUMENTS, UNDIRECTED, replace(DOCUMENTS[0], pairs=((0, 1),))]
    corpus = preprocessed(documents)[1].with_vocabulary(VOCABULARY)
    labels = collate(list(corpus), windowing=WINDOWING).dense_labels(VOCABULARY.classes)
    assert corpus.class_shares(VOCABULARY.classes) == pytest.approx(labels.double().mean(dim=0).numpy())
    assert preprocessed(DOCUMENTS[1:2])[1].with_vocabulary(VOCABULARY).class_shares(4).tolist() == [0, 0, 0, 0]


@pytest.mark.usefixtures("_batches")
def test_evidence_follows_the_labels_that_a_vocabulary_leaves() -> None:
    facts = (Fact(0, 1, "P999", evidence=(0,)), Fact(0, 2, "P17", evidence=(1, 0)), Fact(2, 1, "P27"))
    item = replace(document("Ada Bob", "Eve", entities=[[(0, 0, 1)], [(0, 1, 2)], [(1, 0, 1)]]), facts=facts)
    both = [item, replace(item, facts=(facts[0], facts[1]), directed=False)]
    _, corpus = preprocessed(both, max_length=100)
    assert corpus[0].evidence.tolist() == [[0, 0], [1, 1], [1, 0]]
    known = corpus.with_vocabulary(VOCABULARY)  # which lacks P999
    assert known[0].labels[:, 1].tolist() == [VOCABULARY.class_of("P17"), VOCABULARY.class_of("P27")]
    assert known[0].evidence.tolist() == [[0, 1], [0, 0]]
    assert known[1].labels.tolist() == [[2, 1], [3, 1]]  # both orders of the pair of 0 and 2
    assert known[1].evidence.tolist() == [[0, 1], [0, 0], [1, 1], [1, 0]]
    assert known[0].token_sentences.tolist() == [-1, *[0] * 6, *[1] * 3, -1]


@pytest.mark.usefixtures("_batches")
def test_counts_are_known_without_the_documents() -> None:
    plain, corpus = preprocessed(DOCUMENTS)

    assert corpus.pair_counts.tolist() == [len(item.pairs) for item in plain]
    assert corpus.token_counts.tolist() == [len(item.input_ids) for item in plain]
    assert corpus.truncation == Truncation.from_features(plain)
    assert corpus.truncation.documents == 1
    assert corpus.relations == relation_counts(DOCUMENTS)


@pytest.mark.usefixtures("_batches")
def test_pairs_that_a_document_lists_itself_come_back() -> None:
    plain, _ = preprocessed(DOCUMENTS)
    relations = GrowingVocabulary()
    for relation in ("P131", "P17", "P999"):
        relations.class_of(relation)
    listed = replace(
        plain[0],
        pairs=np.array([[2, 1], [0, 1]], dtype=np.int32),
        labels=np.array([[0, 2]], dtype=np.int32),
        evidence=np.array([[0, 0]], dtype=np.int32),
    )
    nothing = np.empty((0, 2), np.int32)
    none = replace(plain[3], pairs=nothing, labels=nothing, evidence=nothing, index=1)

    corpus = stored([listed, none], relations)

    assert_same(corpus[0], listed)
    assert_same(corpus[1], none)
    assert corpus.pair_counts.tolist() == [2, 0]
    [use] = corpus.relations
    assert (use.relation, use.facts, use.document, use.subject, use.object) == ("P999", 1, 0, 2, 1)


def test_a_corpus_without_documents_or_facts_is_one() -> None:
    _, empty = preprocessed([], tokenizer=tokenizer_for(*DOCUMENTS))
    assert (len(empty), list(empty), empty.relations, empty.unknown_facts) == (0, [], (), 0)
    assert empty.pair_counts.tolist() == empty.token_counts.tolist() == []
    assert empty.truncation == Truncation(0, 0, 0, 0)
    assert preprocessed(DOCUMENTS[1:3])[1].with_vocabulary(VOCABULARY).relations == ()


def test_arrays_are_views_that_nobody_can_write_to_and_a_batch_can_be_made_of_them(tmp_path: Path) -> None:
    plain, _ = preprocessed(DOCUMENTS)
    path = tmp_path / "documents.arrow"
    with pa.OSFile(str(path), "wb") as sink:
        write_table(sink, plain)
    before = pa.total_allocated_bytes()
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    corpus = PreprocessedCorpus(
        table, CorpusMetadata(("P131", "P17", "P999"), ("PER",), unlabelled=0, issues=CorpusIssues())
    )

    assert not corpus[0].input_ids.flags.writeable
    assert not corpus[0].input_ids.flags.owndata
    assert pa.total_allocated_bytes() - before < 1000
    batch = collate([corpus[0], corpus[3]], windowing=WINDOWING)
    assert batch.input_ids.tolist() == collate([plain[0], plain[3]], windowing=WINDOWING).input_ids.tolist()


def _assert_stored_like_plain(path: Path, tokenizer: PreTrainedTokenizerBase, *, max_length: int) -> None:
    documents = read_corpus(path).documents
    vocabulary = RelationVocabulary(tuple(use.relation for use in relation_counts(documents))[1:], {})
    plain = Preprocessor(tokenizer, vocabulary=vocabulary, max_length=max_length).preprocess(documents)
    corpus = preprocessed(documents, tokenizer=tokenizer, max_length=max_length)[1].with_vocabulary(vocabulary)
    for expected, found in zip(plain, corpus, strict=True):
        assert_same(found, expected)
    assert corpus.relations == relation_counts(documents)


def test_the_sample_corpus_is_stored_like_in_memory(golden: Path) -> None:
    _assert_stored_like_plain(SAMPLE, AutoTokenizer.from_pretrained(golden / "bert"), max_length=100)


@pytest.mark.parametrize("name", ["docred/test.json", "redocred/dev_revised.json", "dwie/dev.json"])
def test_real_corpora_are_stored_like_in_memory(real_data: Path, golden: Path, name: str) -> None:
    _assert_stored_like_plain(real_data / name, AutoTokenizer.from_pretrained(golden / "roberta"), max_length=400)
