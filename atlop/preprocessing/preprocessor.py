"""Documents to token ids, marker positions, pairs and sparse labels (paper, 'Encoder')."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from atlop.config import Markers, PreprocessingConfig
from atlop.preprocessing.features import Features
from atlop.preprocessing.pairs import label_both_orders, pairs_to_classify
from atlop.preprocessing.tokens import SpecialTokens, WordTokenizer
from atlop.schema import Document, RelationVocabulary


class GrowingVocabulary:
    """Assigns ids from 0 to names in order of first appearance, where no vocabulary exists yet."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def class_of(self, name: str) -> int:
        """Return the id of a name; a new name gets the next one."""
        return self._ids.setdefault(name, len(self._ids))

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


class Preprocessor:
    """Turns documents into features; each distinct word is tokenized once."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        vocabulary: RelationVocabulary | GrowingVocabulary,
        types: GrowingVocabulary | None = None,
        max_length: int = 1024,
        leading_space: bool = False,
        markers: Markers = "word",
    ):
        """Prepare the tokenizer.

        Args:
            tokenizer: Any tokenizer of transformers; needs a token for `*` unless `markers` is "none".
            vocabulary: Class ids of the relations.
            types: Ids of mention types; without it, all types are unknown, −1.
            max_length: Maximum tokens of a document, special tokens included.
            leading_space: Tokenize each word as if preceded by a space.
            markers: Which `*` to insert; see `PreprocessingConfig`.

        Raises:
            AtlopError: The tokenizer has no token for `*`, and one is needed.
        """
        self._special = SpecialTokens.from_tokenizer(tokenizer)
        self._word_tokenizer = WordTokenizer(tokenizer, leading_space=leading_space)
        self._vocabulary = vocabulary
        self._types = types
        self._markers = markers
        self._marker = [] if markers == "none" else [self._word_tokenizer.marker]
        self._max_tokens = max_length - len(self._special.start) - len(self._special.end)

    @classmethod
    def from_config(
        cls,
        config: PreprocessingConfig,
        *,
        tokenizer: PreTrainedTokenizerBase,
        vocabulary: RelationVocabulary | GrowingVocabulary,
        types: GrowingVocabulary | None = None,
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

        A `*` belongs to the word that it marks; special tokens to none, −1.
        """
        starts, ends = self._marked_words(document)
        self._word_tokenizer.tokenize(word for sentence in document.sentences for word in sentence)
        counts = [
            len(self._word_tokenizer[word]) + starts[sentence_index, word_index] + ends[sentence_index, word_index]
            for sentence_index, sentence in enumerate(document.sentences)
            for word_index, word in enumerate(sentence)
        ]
        return self._numbered_tokens(np.array(counts, dtype=np.int64))

    def _features(self, document: Document, *, index: int) -> Features:
        tokens, sentence_ends, mention_positions = self._tokenize(document)
        start, end = self._special.start, self._special.end
        mentions = [(number, mention) for number, entity in enumerate(document.entities) for mention in entity.mentions]
        positions = np.array(mention_positions, dtype=np.int32)
        kept = positions < min(self._max_tokens, len(tokens))  # the last word may have no tokens
        kept_entities = np.array([entity for entity, _ in mentions], dtype=np.int32)[kept]
        type_id = (lambda _: -1) if self._types is None else self._types.class_of
        types = np.array([type_id(mention.type) for _, mention in mentions], dtype=np.int32)
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
            mention_types=types[kept],
            token_sentences=self._numbered_tokens(np.diff([0, *sentence_ends])),
            entities=len(document.entities),
            pairs=pairs,
            labels=labels,
            evidence=evidence,
            truncated_mentions=int((~kept).sum()),
            unreachable_entities=int((~reachable).sum()),
            unreachable_facts=int((~reachable[facts].all(axis=1)).sum()),
            unknown_facts=sum(fact.relation not in self._vocabulary for fact in document.facts or ()),
            directed=document.directed,
        )

    def _numbered_tokens(self, counts: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the word or sentence of each kept token, −1 for special tokens, from the number of tokens of each."""
        numbers = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[: self._max_tokens]
        return np.pad(numbers, (len(self._special.start), len(self._special.end)), constant_values=-1)

    def _marked_words(self, document: Document) -> tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]]:
        """Return the number of `*` before and after each word at which a mention starts or ends."""
        distinct = {
            (mention.sentence, mention.start, mention.end - 1, mention.type)
            for entity in document.entities
            for mention in entity.mentions
        }
        starts = Counter((sentence, start) for sentence, start, *_ in distinct)
        ends = Counter((sentence, last) for sentence, _, last, _ in distinct)
        if self._markers != "mention":
            starts, ends = (Counter(dict.fromkeys(words, len(self._marker))) for words in (starts, ends))
        return starts, ends

    def _tokenize(self, document: Document) -> tuple[list[int], list[int], list[int]]:
        """Return all tokens of a document with its markers, the sentence ends, and the position of each mention."""
        starts, ends = self._marked_words(document)
        words = self._word_tokenizer
        words.tokenize(word for sentence in document.sentences for word in sentence)
        tokens: list[int] = []
        sentence_ends: list[int] = []
        start_positions: dict[tuple[int, int], int] = {}
        for sentence_index, sentence in enumerate(document.sentences):
            for word_index, word in enumerate(sentence):
                key = (sentence_index, word_index)
                if key in starts:
                    start_positions[key] = len(tokens)  # of the first marker, for every mention that starts here
                    tokens += self._marker * starts[key]
                tokens += words[word]
                if key in ends:
                    tokens += self._marker * ends[key]
            sentence_ends.append(len(tokens))
        mentions = (mention for entity in document.entities for mention in entity.mentions)
        return tokens, sentence_ends, [start_positions[mention.sentence, mention.start] for mention in mentions]

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
