"""Text to features for CDR and GDA in plain form: one `*` for each distinct mention, and the listed pairs only."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypedDict

from transformers import PreTrainedTokenizerBase

from atlop.schema import Document, Mention

Span = tuple[int, int]


class ListedFeatures(TypedDict):
    """One document as the model reads it, named as in the golden file."""

    title: str
    input_ids: list[int]
    entity_pos: list[list[Span]]
    """Per entity and mention `[start, end)` in tokens, special tokens not counted; those beyond the cut are listed."""
    labels: list[list[int]]
    """Per pair a 1 for each class that holds; class 0 where there is no relation."""
    hts: list[Span]
    """Subject and object of each pair."""


def listed_features(
    document: Document, tokenizer: PreTrainedTokenizerBase, max_length: int, relation_to_class: Mapping[str, int]
) -> ListedFeatures:
    """Cut a document that lists its pairs into tokens, word by word."""
    distinct = {_key(mention) for entity in document.entities for mention in entity.mentions}
    starts = Counter((sentence, start) for sentence, start, _, _ in distinct)
    ends = Counter((sentence, end - 1) for sentence, _, end, _ in distinct)
    tokens: list[str] = []
    begin: dict[Span, int] = {}  # (sentence, word) -> where the word begins: at the first of its start markers
    for number, sentence in enumerate(document.sentences):
        for index, word in enumerate(sentence):
            begin[number, index] = len(tokens)
            tokens += ["*"] * starts[number, index]
            tokens += tokenizer.tokenize(word)
            tokens += ["*"] * ends[number, index]
        begin[number, len(sentence)] = len(tokens)
    ids: Any = tokenizer.convert_tokens_to_ids(tokens[: max_length - 2])
    assert document.pairs is not None
    named = {entity for pair in document.pairs for entity in pair}
    return {
        "title": document.title,
        "input_ids": [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id],
        "entity_pos": [
            [
                (begin[mention.sentence, mention.start], begin[mention.sentence, mention.end])
                for mention in entity.mentions
            ]
            for index, entity in enumerate(document.entities)
            if index in named
        ],
        "labels": [_labels(document, pair, relation_to_class) for pair in document.pairs],
        "hts": list(document.pairs),
    }


def _key(mention: Mention) -> tuple[int, int, int, str]:
    return mention.sentence, mention.start, mention.end, mention.type


def _labels(document: Document, pair: Span, relation_to_class: Mapping[str, int]) -> list[int]:
    held = {relation_to_class[fact.relation] for fact in document.facts or () if (fact.subject, fact.object) == pair}
    return [int(number in (held or {0})) for number in range(1 + len(relation_to_class))]
