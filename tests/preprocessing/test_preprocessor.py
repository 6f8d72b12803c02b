"""Documents become tokens with markers, mention positions, pairs and sparse labels."""

from dataclasses import replace

import numpy as np
import pytest

from atlop.config import Markers
from atlop.preprocessing import Features, Preprocessor
from atlop.preprocessing.pairs import ordered_pairs
from atlop.schema import Document, RelationVocabulary
from tests.golden_values import (
    MAX_LENGTH,
    each_encoder,
    golden_documents,
    golden_features,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    read_golden,
)
from tests.made_documents import VOCABULARY, document, text_of, tokenizer_for, word_tokenizer


def preprocess(item: Document, *, max_length: int = 100, markers: Markers = "word") -> Features:
    preprocessor = Preprocessor(tokenizer_for(item), vocabulary=VOCABULARY, max_length=max_length, markers=markers)
    (features,) = preprocessor.preprocess([item])
    return features


def text(item: Document, *, max_length: int = 100, markers: Markers = "word") -> str:
    return text_of(preprocess(item, max_length=max_length, markers=markers), tokenizer_for(item))


def markers_of(features: Features) -> list[list[int]]:
    """Positions of each entity's kept start markers."""
    return [
        features.mention_positions[features.mention_entities == entity].tolist() for entity in range(features.entities)
    ]


@each_encoder
def test_golden_features(name: str) -> None:
    expected = read_golden(f"{name}/features.json")
    features = golden_preprocessed(name)
    assert len(features) == len(expected) == 8
    for found, golden in zip(features, expected, strict=True):
        assert found.title == golden["title"]
        assert found.input_ids.tolist() == golden["input_ids"]
        kept = [[1 + start for start, _ in entity if start < MAX_LENGTH - 2] for entity in golden["entity_pos"]]
        assert markers_of(found) == kept
        assert len(found.pairs) == golden["num_pairs"]
        classes: dict[tuple[int, int], list[int]] = {}
        for pair, class_id in found.labels.tolist():
            subject, object_ = found.pairs[pair].tolist()
            classes.setdefault((subject, object_), []).append(class_id)
        wanted = {(subject, object_): ids for subject, object_, ids in golden["positive_pairs"]}
        assert {pair: sorted(ids) for pair, ids in classes.items()} == wanted


@each_encoder
def test_truncation_of_golden_documents_drops_mentions(name: str) -> None:
    for found, features in zip(golden_preprocessed(name), read_golden(f"{name}/features.json"), strict=True):
        lost = [[start >= MAX_LENGTH - 2 for start, _ in entity] for entity in features["entity_pos"]]
        gone = [all(entity) for entity in lost]
        assert found.truncated_mentions == sum(map(sum, lost))
        assert found.unreachable_entities == sum(gone)
        pairs = features["positive_pairs"]
        assert found.unreachable_facts == sum(len(ids) for h, t, ids in pairs if gone[h] or gone[t])
    assert any(document.truncated_mentions for document in golden_preprocessed(name))


def test_a_marker_stands_before_and_after_each_mention() -> None:
    item = document("Ada Byron met Bob", "He fled", entities=[[(0, 0, 2)], [(0, 3, 4), (1, 0, 1)]])
    assert text(item) == "[CLS] * Ada Byron * met * Bob * * He * fled [SEP]"
    assert markers_of(preprocess(item)) == [[1], [6, 9]]


def test_one_marker_however_many_mentions_start_or_end_on_a_word() -> None:
    nested = document("New York City grew", entities=[[(0, 0, 3)], [(0, 0, 2)], [(0, 2, 3)], [(0, 1, 3)]])
    assert text(nested) == "[CLS] * New * York * * City * grew [SEP]"
    assert markers_of(preprocess(nested)) == [[1], [1], [6], [3]]


def test_without_markers_a_mention_is_read_at_its_first_token() -> None:
    item = document("Ada Lovelace met Bob", "Ada left", entities=[[(0, 0, 2), (1, 0, 1)], [(0, 3, 4)]])
    assert text(item, markers="none") == "[CLS] Ada Lovelace met Bob Ada left [SEP]"
    assert markers_of(preprocess(item, markers="none")) == [[1, 5], [4]]


@each_encoder
def test_documents_without_markers_are_those_of_the_reference(name: str) -> None:
    tokenizer = golden_tokenizer(name)
    preprocessor = Preprocessor(tokenizer, vocabulary=golden_vocabulary(), max_length=300, markers="none")
    expected = golden_features(name, max_length=300, marked=False)
    for found, features in zip(preprocessor.preprocess(golden_documents()), expected, strict=True):
        assert found.input_ids.tolist() == features["input_ids"]
        assert markers_of(found) == [[1 + a for a, _ in mentions if a < 298] for mentions in features["entity_pos"]]


def test_a_mention_without_markers_and_tokens_at_the_end_is_dropped() -> None:
    item = document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]])
    item = replace(item, sentences=(("Ada", "met", ""),))
    features = preprocess(item, markers="none")
    assert markers_of(features) == [[1], []]
    assert features.truncated_mentions == features.unreachable_entities == 1


def test_a_tokenizer_without_the_marker_serves_where_nothing_is_marked() -> None:
    item = document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]])
    preprocessor = Preprocessor(
        word_tokenizer(["Ada", "met", "Bob"], marker=False), vocabulary=VOCABULARY, markers="none"
    )
    (features,) = preprocessor.preprocess([item])
    assert markers_of(features) == [[1], [3]]


def test_a_mention_listed_twice_counts_twice() -> None:
    item = document("Ada met Bob", entities=[[(0, 0, 1), (0, 0, 1)], [(0, 2, 3)]])
    assert text(item) == "[CLS] * Ada * met * Bob * [SEP]"
    assert markers_of(preprocess(item)) == [[1, 1], [5]]


def test_a_truncated_mention_is_dropped() -> None:
    item = document("a b c d Ada x", entities=[[(0, 0, 1), (0, 4, 5)]])  # [CLS] * a * b c d * Ada * x [SEP]
    for max_length, kept in ((12, [1, 7]), (9, [1, 7]), (8, [1]), (7, [1])):
        features = preprocess(item, max_length=max_length)
        assert markers_of(features) == [kept], max_length
        assert len(features.input_ids) == max_length
        assert features.truncated_mentions == 2 - len(kept)


def test_a_mention_that_starts_exactly_at_the_maximum_length_does_not_read_the_end_token() -> None:
    item = document("a b Ada", entities=[[(0, 2, 3)]])
    features = preprocess(item, max_length=4)
    assert text(item, max_length=4) == "[CLS] a b [SEP]"
    assert features.mention_positions.tolist() == []
    assert features.truncated_mentions == features.unreachable_entities == 1
    assert text(item, max_length=5) == "[CLS] a b * [SEP]"
    assert preprocess(item, max_length=5).mention_positions.tolist() == [3]


def test_facts_that_truncation_makes_unreachable_are_counted() -> None:
    facts = [(0, 1, "P17"), (1, 0, "P17"), (0, 2, "P17"), (2, 1, "P27"), (1, 2, "P17"), (1, 2, "P131")]
    item = document("Ada x Bob y Rome", entities=[[(0, 0, 1)], [(0, 4, 5)], [(0, 2, 3), (0, 4, 5)]], facts=facts)
    features = preprocess(item, max_length=9)  # [CLS] * Ada * x * Bob * [SEP]
    assert (features.truncated_mentions, features.unreachable_entities, features.unreachable_facts) == (2, 1, 5)
    assert len(features.pairs) == 6
    assert len(features.labels) == 6
    whole = preprocess(item)
    assert (whole.truncated_mentions, whole.unreachable_entities, whole.unreachable_facts) == (0, 0, 0)


def test_relations_that_the_model_does_not_know_are_counted_and_left_out() -> None:
    item = document(
        "Ada met Bob",
        entities=[[(0, 0, 1)], [(0, 2, 3)]],
        facts=[(0, 1, "P999"), (0, 1, "P27"), (1, 0, "P999"), (1, 0, "P131")],
    )
    features = preprocess(item)
    assert features.unknown_facts == 2
    assert features.labels.tolist() == [[0, 3], [1, 2]]


def test_all_ordered_pairs_are_classified_row_by_row() -> None:
    assert ordered_pairs(3).tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert ordered_pairs(1).shape == (0, 2)
    assert ordered_pairs(0).shape == (0, 2)
    assert ordered_pairs(40).dtype == np.int32


def test_a_label_points_at_the_row_of_its_pair() -> None:
    mentions = [[(0, word, word + 1)] for word in range(5)]
    facts = [(s, o, "P131") for s in range(5) for o in range(5) if s != o]
    features = preprocess(document("a b c d e", entities=mentions, facts=facts))
    assert features.labels[:, 1].tolist() == [2] * 20
    assert [tuple(pair) for pair in features.pairs[features.labels[:, 0]].tolist()] == [(s, o) for s, o, _ in facts]


def test_a_fact_from_an_entity_to_itself_is_no_label_and_not_unknown() -> None:
    own = document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(1, 1, "P17"), (1, 0, "P17")])
    (features,) = Preprocessor(tokenizer_for(own), vocabulary=RelationVocabulary(("P17",), {})).preprocess([own])

    assert features.labels.tolist() == [[1, 1]]
    assert features.unknown_facts == 0


def test_several_relations_of_a_pair_are_several_labels() -> None:
    item = document("Ada Bob", entities=[[(0, 0, 1)], [(0, 1, 2)]], facts=[(1, 0, "P17"), (1, 0, "P27")])
    assert preprocess(item).labels.tolist() == [[1, 1], [1, 3]]


@pytest.mark.parametrize("facts", [None, []])
def test_a_document_without_labels_has_none(facts: list[tuple[int, int, str]] | None) -> None:
    features = preprocess(document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=facts))
    assert features.labels.shape == (0, 2)
    assert len(features.pairs) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_a_document_with_fewer_than_two_entities_has_no_pairs(count: int) -> None:
    features = preprocess(document("Ada left", entities=[[(0, 0, 1)]][:count]))
    assert features.entities == count
    assert features.pairs.shape == (0, 2)
    assert features.labels.shape == (0, 2)


def test_empty_sentences_take_no_token() -> None:
    item = document("", "Ada left", "", "she wept", "", entities=[[(1, 0, 1), (3, 0, 1)]])
    assert text(item) == "[CLS] * Ada * left * she * wept [SEP]"
    nothing = preprocess(document("", entities=[]))
    assert nothing.input_ids.tolist() == [2, 3]


def test_documents_are_numbered_in_their_order() -> None:
    items = [document("Ada left", entities=[[(0, 0, 1)]], title=title) for title in ("one", "same", "same")]
    features = list(Preprocessor(tokenizer_for(*items), vocabulary=VOCABULARY).preprocess(items))
    assert [(document.index, document.title) for document in features] == [(0, "one"), (1, "same"), (2, "same")]
