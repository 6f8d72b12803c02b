"""Typed markers say the type of a mention, and everything else stays where it is."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pytest

from atlop.preprocessing import Features, Preprocessor
from atlop.schema import Document, Entity
from tests.golden_values import golden_documents, golden_tokenizer, golden_vocabulary
from tests.made_documents import VOCABULARY, document, text_of, word_tokenizer

NAMES = ["person", "location", "organization", "miscellaneous", "chemical"]


def typed(made: Document, *types: str) -> Document:
    """The document with one type for the mentions of each entity, or one for each mention, separated by spaces."""
    entities = [
        Entity(
            tuple(replace(m, type=kinds.split(" ")[i % len(kinds.split(" "))]) for i, m in enumerate(entity.mentions))
        )
        for entity, kinds in zip(made.entities, types, strict=True)
    ]
    return replace(made, entities=tuple(entities))


def preprocess(made: Document, *, max_length: int = 100) -> tuple[Features, str]:
    """The features with typed markers, and their tokens."""
    tokenizer = word_tokenizer([*(word for sentence in made.sentences for word in sentence), *NAMES])
    (features,) = Preprocessor(tokenizer, vocabulary=VOCABULARY, markers="typed", max_length=max_length).preprocess(
        [made]
    )
    return features, text_of(features, tokenizer)


def read_at(features: Features, text: str) -> Sequence[str]:
    """The token at which each mention is read, with the next one."""
    tokens = text.split()
    return [" ".join(tokens[position : position + 2]) for position in features.mention_positions.tolist()]


ANN = document("Ann lives in Rome .", "She is 30", entities=[[(0, 0, 1), (1, 0, 1)], [(0, 3, 4)], [(1, 2, 3)]])


def test_a_type_in_words_follows_the_marker_at_which_a_mention_is_read() -> None:
    features, text = preprocess(typed(ANN, "PER", "LOC", "Chemical"))
    assert text == "[CLS] * person Ann * lives in * location Rome * . * person She * is * chemical 30 * [SEP]"
    assert read_at(features, text) == ["* person", "* person", "* location", "* chemical"]


def test_every_type_of_the_mentions_that_start_at_a_word_is_said_once_in_alphabetical_order() -> None:
    made = document("New York Times", entities=[[(0, 0, 3)], [(0, 0, 2)], [(0, 0, 1)], [(0, 2, 3)]])
    features, text = preprocess(typed(made, "ORG", "LOC", "LOC", "MISC"))
    assert text == "[CLS] * location organization New * York * * miscellaneous Times * [SEP]"
    assert read_at(features, text) == ["* location", "* location", "* location", "* miscellaneous"]
    swapped = replace(made, entities=made.entities[::-1])
    assert preprocess(typed(swapped, "MISC", "LOC", "LOC", "ORG"))[1] == text


def test_a_mention_without_a_type_has_the_marker_alone() -> None:
    features, text = preprocess(typed(ANN, "PER ", "", "LOC"))
    assert text == "[CLS] * person Ann * lives in * Rome * . * She * is * location 30 * [SEP]"
    assert read_at(features, text) == ["* person", "* She", "* Rome", "* location"]


def test_a_mention_is_kept_while_its_marker_is_though_its_type_is_cut() -> None:
    made = typed(document("Ann met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]]), "PER", "PER")
    features, text = preprocess(made, max_length=8)
    assert text == "[CLS] * person Ann * met * [SEP]"
    assert features.mention_positions.tolist() == [1, 6]
    assert (features.truncated_mentions, preprocess(made, max_length=7)[0].truncated_mentions) == (0, 1)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_words_sentences_and_pairs_of_real_documents_are_as_with_plain_markers(name: str) -> None:
    tokenizer = golden_tokenizer(name)
    plain, marked = (
        Preprocessor(tokenizer, vocabulary=golden_vocabulary(), markers=markers, max_length=10_000)
        for markers in ("word", "typed")
    )
    documents = golden_documents()
    for made, one, other in zip(documents, plain.preprocess(documents), marked.preprocess(documents), strict=True):
        words = [processor.token_words(made) for processor in (plain, marked)]
        assert [word for word, _ in groupby(words[1])] == [word for word, _ in groupby(words[0])]
        assert len(words[1]) == len(other.input_ids) > len(one.input_ids)
        sentence_of = [index for index, sentence in enumerate(made.sentences) for _ in sentence]
        assert other.token_sentences.tolist() == [-1 if word < 0 else sentence_of[word] for word in words[1].tolist()]
        star = one.input_ids[one.mention_positions[0]]
        assert (other.input_ids[other.mention_positions] == star).all()
        mentions = [mention for entity in made.entities for mention in entity.mentions]
        starts = [sum(map(len, made.sentences[: m.sentence])) + m.start for m in mentions]
        assert words[1][other.mention_positions].tolist() == starts
        assert other.pairs.tolist() == one.pairs.tolist()
        assert other.labels.tolist() == one.labels.tolist()
