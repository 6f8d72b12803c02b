"""Small documents for tests, and a tokenizer with one token for each word."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from atlop.preprocessing import Features, Windowing
from atlop.schema import Document, Entity, Fact, Mention, RelationVocabulary

WordSpan = tuple[int, int, int]
"""Sentence, first word, one past the last word."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WINDOWING = Windowing(size=512)
"""Larger than all of these documents."""
VOCABULARY = RelationVocabulary(relations=("P17", "P131", "P27"), names={})


def document(
    *sentences: str,
    entities: Sequence[Sequence[WordSpan]],
    facts: Sequence[tuple[int, int, str] | tuple[int, int, str, tuple[int, ...]]] | None = (),
    title: str = "a title",
) -> Document:
    """Make a document from sentences with words separated by spaces."""
    words = tuple(tuple(sentence.split()) for sentence in sentences)
    return Document(
        title=title,
        sentences=words,
        entities=tuple(
            Entity(tuple(Mention(" ".join(words[s][first:stop]), s, first, stop, "PER") for s, first, stop in mentions))
            for mentions in entities
        ),
        facts=None if facts is None else tuple(Fact(*fact) for fact in facts),
    )


def word_tokenizer(words: Sequence[str], *, marker: bool = True) -> PreTrainedTokenizerBase:
    """Make a tokenizer with these words; all others are `[UNK]`.

    Args:
        words: One token each.
        marker: Whether `*` is a token.
    """
    tokens = [*SPECIAL, *(["*"] if marker else []), *dict.fromkeys(words)]
    tokenizer = Tokenizer(WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, tokens.index(token)) for token in ("[CLS]", "[SEP]")]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def tokenizer_for(*documents: Document) -> PreTrainedTokenizerBase:
    """Make a tokenizer with the words of some documents."""
    return word_tokenizer([word for item in documents for sentence in item.sentences for word in sentence])


def text_of(features: Features, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the tokens joined by spaces."""
    return " ".join(tokenizer.convert_ids_to_tokens(features.input_ids.tolist()))


def assert_same(found: Features, expected: Features) -> None:
    """Compare two preprocessed documents in every value, shape and dtype."""
    for field in fields(Features):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        assert type(ours) is type(theirs), field.name
        if isinstance(theirs, np.ndarray):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), field.name
            assert np.array_equal(ours, theirs), field.name
        else:
            assert ours == theirs, field.name
