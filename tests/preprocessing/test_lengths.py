"""Tokens, and the losses at each maximum length, are counted in one pass."""

import pytest

from atlop.preprocessing import Preprocessor, Truncation
from atlop.preprocessing.lengths import LENGTHS, TokenCounter, TokenStatistics
from tests.golden_values import each_encoder, golden_documents, golden_preprocessed, golden_tokenizer, golden_vocabulary
from tests.made_documents import document, tokenizer_for


@each_encoder
def test_losses_are_those_of_the_preprocessor(name: str) -> None:
    lengths = (10, 50, *LENGTHS)
    counter = TokenCounter(golden_tokenizer(name), lengths=lengths)

    passed = tuple(counter.watch(golden_documents()))

    assert passed == golden_documents()
    assert counter.result().lost == {
        length: Truncation.from_features(golden_preprocessed(name, length)) for length in lengths
    }
    assert counter.result().lost[50].facts > 0


@each_encoder
def test_tokens_are_those_of_inputs_without_truncation(name: str) -> None:
    preprocessor = Preprocessor(golden_tokenizer(name), vocabulary=golden_vocabulary(), max_length=100_000)
    inputs = [len(features.input_ids) for features in preprocessor.preprocess(golden_documents())]
    counter = TokenCounter(golden_tokenizer(name))

    for _ in counter.watch(golden_documents()):
        pass

    assert (counter.result().tokens, counter.result().tokens_max) == (sum(inputs), max(inputs))


@pytest.mark.parametrize(("length", "lost"), [(8, (1, 3, 1, 2)), (9, (0, 0, 0, 0)), (100, (0, 0, 0, 0))])
def test_truncated_mentions_are_lost(length: int, lost: tuple[int, ...]) -> None:
    mentions = [[(0, 0, 1), (0, 2, 3)], [(0, 1, 2), (0, 2, 3)], [(0, 2, 3)]]
    item = document("Ada Bob Eve", entities=mentions, facts=[(0, 1, "P17"), (0, 2, "P17"), (2, 1, "P27")])
    counter = TokenCounter(tokenizer_for(item), lengths=(length,))  # [CLS] * Ada * * Bob * * Eve * [SEP]

    assert list(counter.watch([item])) == [item]

    assert counter.result() == TokenStatistics(tokens=11, tokens_max=11, lost={length: Truncation(*lost)})


def test_a_document_without_entities_or_labels_loses_nothing() -> None:
    item = document("Ada left", entities=[])
    counter = TokenCounter(tokenizer_for(item), lengths=(8,))

    assert list(counter.watch([item])) == [item]

    assert counter.result().lost == {8: Truncation(documents=0, mentions=0, entities=0, facts=0)}
