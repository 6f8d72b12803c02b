"""Words are cut on their own and once; special tokens and the marker are found in any tokenizer."""

from collections import Counter
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from atlop.errors import AtlopError
from atlop.preprocessing import Preprocessor, SpecialTokens, tokens
from atlop.preprocessing.tokens import WordTokenizer
from tests.golden_values import golden_tokenizer
from tests.made_documents import VOCABULARY, assert_same, document, tokenizer_for, word_tokenizer


class CountingTokenizer:
    """Passes everything on and counts how often each text is cut."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._tokenizer = tokenizer
        self.texts: Counter[str] = Counter()
        self.calls = 0

    def __call__(self, texts: str | list[str], **options: Any) -> Any:
        self.calls += 1
        self.texts.update([texts] if isinstance(texts, str) else texts)
        return self._tokenizer(texts, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)


def test_a_word_is_cut_once_however_often_it_comes() -> None:
    first = document("Ada met Ada and Bob met Ada", "Ada left", entities=[[(0, 0, 1)]])
    second = document("Bob left Rome", entities=[[(0, 0, 1)]])
    counting: Any = CountingTokenizer(tokenizer_for(first, second))
    preprocessor = Preprocessor(counting, vocabulary=VOCABULARY)
    counting.texts.clear()
    calls = counting.calls
    for _ in range(3):
        list(preprocessor.preprocess([first, second]))
    assert counting.texts == Counter(["Ada", "met", "and", "Bob", "left", "Rome"])
    assert counting.calls - calls == 2  # one for each document that brings new words


def test_a_full_cache_is_emptied_and_documents_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [document(f"Ada met w{index} w{index + 1}", entities=[[(0, 0, 1)]]) for index in range(20)]
    tokenizer = tokenizer_for(*made)
    expected = list(Preprocessor(tokenizer, vocabulary=VOCABULARY).preprocess(made))
    monkeypatch.setattr(tokens, "MAX_CACHED_WORDS", 6)

    preprocessor = Preprocessor(tokenizer, vocabulary=VOCABULARY)
    for features, same in zip(preprocessor.preprocess(made), expected, strict=True):
        assert_same(features, same)
        assert len(preprocessor._word_tokenizer._tokens) <= 6 + 4


def test_special_tokens_are_read_off_the_tokenizer() -> None:
    assert SpecialTokens.from_tokenizer(golden_tokenizer("bert")) == SpecialTokens(start=(2,), end=(3,))
    assert SpecialTokens.from_tokenizer(golden_tokenizer("roberta")) == SpecialTokens(start=(0,), end=(2,))
    assert SpecialTokens.from_tokenizer(word_tokenizer(["a"])) == SpecialTokens(start=(2,), end=(3,))


def test_special_tokens_are_found_where_the_tokenizer_does_not_know_the_word() -> None:
    assert SpecialTokens.from_tokenizer(word_tokenizer(["nothing"])) == SpecialTokens(start=(2,), end=(3,))


def test_a_tokenizer_without_the_marker_is_refused() -> None:
    with pytest.raises(AtlopError, match=r"no token for the mention marker '\*'.*choose another encoder"):
        Preprocessor(word_tokenizer(["Ada"], marker=False), vocabulary=VOCABULARY)


@pytest.mark.parametrize(("name", "token"), [("bert", 5), ("roberta", None)])
def test_the_marker_is_the_token_of_the_asterisk(name: str, token: int | None) -> None:
    tokenizer = golden_tokenizer(name)
    marker = WordTokenizer(tokenizer).marker
    assert tokenizer.convert_ids_to_tokens(marker) == "*"
    assert token in (None, marker)


def test_words_are_tokenized_without_a_leading_space_by_default() -> None:
    tokenizer = golden_tokenizer("roberta")
    bare, spaced = WordTokenizer(tokenizer), WordTokenizer(tokenizer, leading_space=True)
    for words in (bare, spaced):
        words.tokenize(["the", "archive"])
    for word in ("the", "archive"):
        assert tokenizer.convert_ids_to_tokens(bare[word]) == tokenizer.tokenize(word)
        assert tokenizer.convert_ids_to_tokens(spaced[word]) == tokenizer.tokenize(" " + word)
        assert bare[word] != spaced[word]


def test_the_leading_space_reaches_the_document_but_not_the_marker() -> None:
    tokenizer = golden_tokenizer("roberta")
    item = document("the archive", entities=[[(0, 1, 2)]])
    (features,) = Preprocessor(tokenizer, vocabulary=VOCABULARY, leading_space=True).preprocess([item])
    expected = ["<s>", *tokenizer.tokenize(" the"), "*", *tokenizer.tokenize(" archive"), "*", "</s>"]
    assert tokenizer.convert_ids_to_tokens(features.input_ids.tolist()) == expected


def test_a_word_can_have_no_tokens() -> None:
    words = WordTokenizer(golden_tokenizer("bert"))
    words.tokenize(["", " ", "\u200b"])
    assert words[""] == words[" "] == []
