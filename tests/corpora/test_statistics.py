import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from atlop.corpora import corpus_statistics, read_corpus
from atlop.schema import Document, Entity, Fact, Mention

SENTENCES = (("a", "b", "c"), ("d",))


def entity(*sentences: int) -> Entity:
    return Entity(tuple(Mention("a", sentence, 0, 1, "PER") for sentence in sentences))


LABELLED = Document(
    title="one",
    sentences=SENTENCES,
    entities=(entity(0, 1), entity(0), entity(1)),
    facts=(Fact(0, 1, "P17", (0,)), Fact(0, 1, "P6"), Fact(1, 2, "P17"), Fact(0, 2, "P17", (1,))),
)


def test_a_labelled_document_is_counted() -> None:
    statistics = corpus_statistics([LABELLED])

    assert asdict(statistics) == {
        "documents": 1,
        "labelled_documents": 1,
        "sentences": 2,
        "words": 4,
        "words_mean": 4.0,
        "words_max": 4,
        "entities": 3,
        "entities_max": 3,
        "mentions": 4,
        "pairs": 6,
        "facts": 4,
        "pairs_with_fact": 3,
        "pairs_with_several": 1,
        "self_relations": 0,
        "relations": {"P17": 3, "P6": 1},
        "cross_sentence_share": 0.25,
        "without_evidence_share": 0.5,
        "repeated_titles": (),
        "documents_without_pairs": 0,
    }


def test_the_counts_are_plain_values() -> None:
    json.dumps(asdict(corpus_statistics([LABELLED])))


def test_relations_are_listed_most_frequent_first_and_then_by_name() -> None:
    facts = (Fact(0, 1, "P2"), Fact(0, 2, "P3"), Fact(1, 2, "P3"), Fact(2, 1, "P1"))

    relations = corpus_statistics([Document("one", SENTENCES, LABELLED.entities, facts)]).relations

    assert relations is not None
    assert list(relations.items()) == [("P3", 2), ("P1", 1), ("P2", 1)]


def test_without_labels_what_rests_on_them_is_not_available() -> None:
    statistics = corpus_statistics([Document("one", SENTENCES, (entity(0), entity(1)), None)])

    assert statistics.labelled_documents == 0
    assert statistics.pairs == 2
    assert statistics.facts is statistics.pairs_with_fact is statistics.pairs_with_several is None
    assert statistics.relations is None
    assert statistics.cross_sentence_share is statistics.without_evidence_share is None


def test_labels_that_are_empty_count_as_no_facts_without_shares() -> None:
    statistics = corpus_statistics([Document("one", SENTENCES, (entity(0), entity(1)), ())])

    assert statistics.facts == statistics.pairs_with_fact == 0
    assert statistics.relations == {}
    assert statistics.cross_sentence_share is None


def test_repeated_titles_and_documents_without_pairs_are_found() -> None:
    lonely = Document("two", SENTENCES, (entity(0),), None)
    empty = Document("three", (), (), None)

    statistics = corpus_statistics([LABELLED, lonely, empty, lonely])

    assert statistics.repeated_titles == ("two",)
    assert statistics.documents_without_pairs == 3
    assert statistics.words_mean == 3.0


def test_listed_pairs_are_the_pairs_of_a_document() -> None:
    listed = replace(LABELLED, pairs=((0, 1), (0, 2), (1, 2), (0, 1)))
    none = replace(LABELLED, title="two", pairs=())

    statistics = corpus_statistics([listed, none])

    assert statistics.pairs == 3
    assert statistics.documents_without_pairs == 1


def test_undirected_documents_have_each_pair_once() -> None:
    undirected = replace(LABELLED, directed=False)

    assert corpus_statistics([undirected]).pairs == 3
    assert corpus_statistics([replace(undirected, pairs=((0, 1), (1, 0), (1, 2)))]).pairs == 2


def test_facts_from_an_entity_to_itself_are_counted() -> None:
    itself = replace(LABELLED, facts=(Fact(0, 0, "P17"), Fact(0, 1, "P17"), Fact(2, 2, "P6")))

    statistics = corpus_statistics([itself])

    assert (statistics.self_relations, statistics.facts, statistics.cross_sentence_share) == (2, 3, 0.0)


def test_one_document_is_held_at_a_time() -> None:
    def made() -> Iterator[Document]:
        for index in range(50):
            yield Document(str(index), (tuple(map(str, range(10_000))),), (), None)

    tracemalloc.start()
    try:
        assert corpus_statistics(made()).words == 500_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000  # bytes; a document has about 0.6 million


def test_no_documents_are_no_error() -> None:
    statistics = corpus_statistics([])

    assert statistics.documents == statistics.words_max == statistics.words_mean == 0
    assert statistics.facts is None


def test_real_redocred_has_the_known_counts(real_data: Path) -> None:
    statistics = corpus_statistics(read_corpus(real_data / "redocred/dev_revised.json").documents)

    assert (statistics.documents, statistics.facts, statistics.mentions) == (500, 17_284, 13_189)
    assert statistics.without_evidence_share == pytest.approx(0.57, abs=0.005)
    assert statistics.repeated_titles == ()


def test_real_dwie_has_the_known_longest_document(real_data: Path) -> None:
    assert corpus_statistics(read_corpus(real_data / "dwie/dev.json").documents).words_max == 1_344
