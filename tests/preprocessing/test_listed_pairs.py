"""Documents that list their pairs, or whose facts have no direction, preprocessed as the paper does CDR."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from atlop.config import PreprocessingConfig
from atlop.corpora import read_corpus
from atlop.preprocessing import Features, PreprocessedCorpus, Preprocessor, preprocessed_corpus
from atlop.schema import CorpusIssues, Document, Entity, Fact, Mention, RelationVocabulary
from tests.golden_values import GOLDEN, MAX_LENGTH, each_encoder, golden_tokenizer, read_golden
from tests.reference_listed_pairs import listed_features

RELATION = {"CID": 1}
VOCABULARY = RelationVocabulary(("CID",), {})


def preprocess(documents: tuple[Document, ...], *, name: str = "bert", max_length: int = MAX_LENGTH) -> list[Features]:
    tokenizer = golden_tokenizer(name)
    preprocessor = Preprocessor(tokenizer, vocabulary=VOCABULARY, max_length=max_length, markers="mention")
    return list(preprocessor.preprocess(documents))


def positions(document: Features, entity: int) -> list[int]:
    found: list[int] = document.mention_positions[document.mention_entities == entity].tolist()
    return found


@each_encoder
def test_golden_features_of_cdr(name: str) -> None:
    documents = read_corpus(GOLDEN / "cdr_layout.data").documents
    for found, expected in zip(preprocess(documents, name=name), read_golden("cdr_features.json")[name], strict=True):
        assert found.title == expected["title"]
        assert found.input_ids.tolist() == expected["input_ids"]
        assert found.pairs.tolist() == expected["hts"]
        for entity, spans in enumerate(expected["entity_pos"]):
            assert positions(found, entity) == [1 + start for start, _ in spans]
        held = {tuple(label) for label in found.labels.tolist()}
        assert held == {(row, 1) for row, label in enumerate(expected["labels"]) if label == [0, 1]}


@pytest.mark.parametrize("file", ["cdr/dev_filter.data", "gda/sample200.data"])
def test_real_documents_are_encoded_as_the_reference_does(file: str, real_data: Path) -> None:
    documents = read_corpus(real_data / file).documents[:60]
    for document, found in zip(documents, preprocess(documents, max_length=100_000), strict=True):
        relations = {fact.relation: 1 for fact in document.facts or ()}
        expected = listed_features(document, golden_tokenizer("bert"), 100_000, relations or RELATION)
        assert found.input_ids.tolist() == expected["input_ids"]
        assert found.pairs.tolist() == [list(pair) for pair in expected["hts"]]
        named = sorted({entity for pair in expected["hts"] for entity in pair})
        for entity, spans in zip(named, expected["entity_pos"], strict=True):
            assert positions(found, entity) == [1 + start for start, _ in spans]


def undirected(*, pairs: tuple[tuple[int, int], ...] | None, facts: tuple[Fact, ...]) -> Document:
    words = ("alpha", "beta", "gamma")
    entities = tuple(Entity((Mention(word, 0, place, place + 1, "X"),)) for place, word in enumerate(words))
    return Document("undirected", (words,), entities, facts, pairs=pairs, directed=False)


def test_an_undirected_fact_labels_both_orders_which_stand_side_by_side() -> None:
    (found,) = preprocess((undirected(pairs=((0, 2), (1, 2)), facts=(Fact(1, 2, "CID"),)),))
    assert found.pairs.tolist() == [[0, 2], [2, 0], [1, 2], [2, 1]]
    assert sorted(found.labels.tolist()) == [[2, 1], [3, 1]]


def test_without_a_list_an_undirected_document_has_every_pair_label_both_orders() -> None:
    (found,) = preprocess((undirected(pairs=None, facts=(Fact(0, 2, "CID"),)),))
    assert found.pairs.tolist() == [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]]
    assert sorted(found.labels.tolist()) == [[2, 1], [3, 1]]


def test_facts_between_unlisted_pairs_or_of_an_entity_with_itself_label_nothing() -> None:
    facts = (Fact(0, 1, "CID"), Fact(1, 1, "CID"), Fact(0, 2, "CID"))
    (found,) = preprocess((undirected(pairs=((0, 2),), facts=facts),))
    assert sorted(found.labels.tolist()) == [[0, 1], [1, 1]]
    assert found.unknown_facts == 0


class Made:
    """Documents as a corpus file yields them."""

    issues = CorpusIssues()

    def __init__(self, documents: tuple[Document, ...]):
        self._documents = documents

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents)


def kept(documents: tuple[Document, ...]) -> PreprocessedCorpus:
    corpus = preprocessed_corpus(
        Made(documents),
        name="made",
        identity={"documents": repr(documents)},
        tokenizer=golden_tokenizer("bert"),
        preprocessing=PreprocessingConfig(max_length=MAX_LENGTH, markers="mention"),
    )
    return corpus.with_vocabulary(VOCABULARY)


def test_listed_and_undirected_documents_are_kept_on_disk_as_they_are() -> None:
    documents = (
        *read_corpus(GOLDEN / "cdr_layout.data").documents,
        undirected(pairs=((0, 2), (1, 2)), facts=(Fact(1, 2, "CID"), Fact(0, 2, "CID"))),
        undirected(pairs=None, facts=()),
    )
    corpus = kept(documents)
    for found, expected in zip(corpus, preprocess(documents), strict=True):
        assert np.array_equal(found.pairs, expected.pairs)
        assert np.array_equal(found.input_ids, expected.input_ids)
        assert sorted(found.labels.tolist()) == sorted(expected.labels.tolist())
        assert found.directed == expected.directed
    assert corpus.pair_counts.tolist() == [len(each.pairs) for each in preprocess(documents)]
    assert sum(use.facts for use in corpus.relations) == sum(len(each.facts or ()) for each in documents)
