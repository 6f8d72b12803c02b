"""Documents to token ids, marker positions, pairs and sparse labels (paper, 'Encoder')."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from atlop.config import Markers, PreprocessingConfig
from atlop.preprocessing.features import Features
from atlop.preprocessing.markers import MentionMarkers
from atlop.preprocessing.pairs import label_both_orders, pairs_to_classify
from atlop.preprocessing.tokens import SpecialTokens, WordTokenizer
from atlop.preprocessing.vocabularies import GrowingVocabulary, TypeVocabulary
from atlop.schema import Document, RelationVocabulary


class Preprocessor:
    """Turns documents into features; each distinct word is tokenized once."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        vocabulary: RelationVocabulary | GrowingVocabulary,
        types: GrowingVocabulary | TypeVocabulary | None = None,
        max_length: int = 1024,
        leading_space: bool = False,
        markers: Markers = "word",
    ):
        """Prepare the tokenizer.

        Args:
            tokenizer: Any tokenizer of transformers; needs a token for `*` unless `markers` is "none".
            vocabulary: Class ids of the relations.
            types: Ids of types of entities; without it, all are unknown, −1.
            max_length: Maximum tokens of a document, special tokens included.
            leading_space: Tokenize each word as if preceded by a space.
            markers: What marks mentions; see `PreprocessingConfig`.

        Raises:
            AtlopError: The tokenizer has no token for `*`, and one is needed.
        """
        self._special = SpecialTokens.from_tokenizer(tokenizer)
        self._word_tokenizer = WordTokenizer(tokenizer, leading_space=leading_space)
        self._vocabulary = vocabulary
        self._types = types
        self._markers = MentionMarkers(self._word_tokenizer, markers=markers)
        self._max_tokens = max_length - len(self._special.start) - len(self._special.end)

    @classmethod
    def from_config(
        cls,
        config: PreprocessingConfig,
        *,
        tokenizer: PreTrainedTokenizerBase,
        vocabulary: RelationVocabulary | GrowingVocabulary,
        types: GrowingVocabulary | TypeVocabulary | None = None,
    ) -> Self:
        """Make the preprocessor that a configuration describes; see `__init__`."""
        settings = config.model_dump(exclude={"window"})  # which affects batches only
        return cls(tokenizer, vocabulary=vocabulary, types=types, **settings)

    def preprocess(self, documents: Iterable[Document]) -> Iterator[Features]:
        """Yield the features of each document, in order."""
        for index, document in enumerate(documents):
            yield self._features(document, index=index)

    def token_words(self, document: Document) -> NDArray[np.int32]:
        """Return the word of each token of a preprocessed document, counted through the document, `[tokens]`.

        A marker belongs to the word that it marks; special tokens to none, −1.
        """
        _, counts, _ = self._tokenize(document)
        return self._token_numbers(range(len(counts)), counts=counts)

    def _features(self, document: Document, *, index: int) -> Features:
        tokens, counts, mention_positions = self._tokenize(document)
        start, end = self._special.start, self._special.end
        mentions = [(number, mention) for number, entity in enumerate(document.entities) for mention in entity.mentions]
        positions = np.array(mention_positions, dtype=np.int32)
        kept = positions < min(self._max_tokens, len(tokens))  # the last word may have no tokens
        kept_entities = np.array([entity for entity, _ in mentions], dtype=np.int32)[kept]
        type_id = (lambda _: -1) if self._types is None else self._types.class_of
        types = [type_id(entity.type) for entity in document.entities]
        sentences = [number for number, sentence in enumerate(document.sentences) for _ in sentence]
        pairs = pairs_to_classify(document)
        facts = np.array([(fact.subject, fact.object) for fact in document.facts or ()], dtype=np.int32).reshape(-1, 2)
        labels, evidence = self._labels(document, pairs=pairs)
        reachable = np.zeros(len(document.entities), dtype=bool)
        reachable[kept_entities] = True
        return Features(
            index=index,
            title=document.title,
            input_ids=np.array([*start, *tokens[: self._max_tokens], *end], dtype=np.int32),
            mention_positions=positions[kept] + np.int32(len(start)),
            mention_entities=kept_entities,
            token_sentences=self._token_numbers(sentences, counts=counts),
            entities=len(document.entities),
            entity_types=np.array(types, dtype=np.int32),
            pairs=pairs,
            labels=labels,
            evidence=evidence,
            truncated_mentions=int((~kept).sum()),
            unreachable_entities=int((~reachable).sum()),
            unreachable_facts=int((~reachable[facts].all(axis=1)).sum()),
            unknown_facts=sum(fact.relation not in self._vocabulary for fact in document.facts or ()),
            directed=document.directed,
        )

    def _token_numbers(self, numbers: Sequence[int], *, counts: list[int]) -> NDArray[np.int32]:
        """Return a number of each kept token, −1 of special ones, from that of each word and its count of tokens."""
        repeated = np.repeat(np.array(numbers, dtype=np.int32), np.array(counts, dtype=np.int64))[: self._max_tokens]
        return np.pad(repeated, (len(self._special.start), len(self._special.end)), constant_values=-1)

    def _tokenize(self, document: Document) -> tuple[list[int], list[int], list[int]]:
        """Return all tokens of a document with its markers, how many each word has, and the mentions' positions."""
        words = self._word_tokenizer
        before, after = self._markers.around(document)
        words.tokenize(word for sentence in document.sentences for word in sentence)
        tokens: list[int] = []
        counts: list[int] = []
        start_positions: dict[tuple[int, int], int] = {}
        for sentence_index, sentence in enumerate(document.sentences):
            for word_index, word in enumerate(sentence):
                key, first = (sentence_index, word_index), len(tokens)
                start_positions[key] = first  # of the first marker, for every mention that starts here
                tokens += chain(before.get(key, ()), words[word], after.get(key, ()))
                counts.append(len(tokens) - first)
        mentions = (mention for entity in document.entities for mention in entity.mentions)
        return tokens, counts, [start_positions[mention.sentence, mention.start] for mention in mentions]

    def _labels(self, document: Document, *, pairs: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return `Features.labels` and `Features.evidence`, of the facts whose pair is classified."""
        entities = len(document.entities)
        pair_rows = np.full((entities, entities), -1, dtype=np.int32)
        pair_rows[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
        labels: list[tuple[int, int]] = []
        evidence: list[tuple[int, int]] = []
        for fact in document.facts or ():
            row = pair_rows[fact.subject, fact.object]
            if row >= 0 and fact.relation in self._vocabulary:
                evidence += [(len(labels), sentence) for sentence in fact.evidence]
                labels.append((row, self._vocabulary.class_of(fact.relation)))
        arrays = np.array(labels, dtype=np.int32).reshape(-1, 2), np.array(evidence, dtype=np.int32).reshape(-1, 2)
        return arrays if document.directed else label_both_orders(*arrays)
