"""Documents to token ids, marker positions, pairs and sparse labels (paper, 'Encoder')."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from atlop.config import Markers, PreprocessingConfig
from atlop.preprocessing.tokens import SpecialTokens, WordCutter
from atlop.schema import Document, RelationVocabulary


@dataclass(frozen=True, slots=True)
class Features:
    """One document as the model reads it. Arrays are int32."""

    index: int
    """Index of the document in its corpus."""
    title: str
    input_ids: NDArray[np.int32]
    """Token ids with the special tokens, `[tokens]`."""
    mention_positions: NDArray[np.int32]
    """Position in `input_ids` at which each kept mention is read: its start marker, or without markers its first token,
    `[mentions]`."""
    mention_entities: NDArray[np.int32]
    """Entity of each kept mention, ascending, `[mentions]`."""
    mention_types: NDArray[np.int32]
    """Number of the type of each kept mention among those of its corpus, `[mentions]`; −1 where it is not known."""
    token_sentences: NDArray[np.int32]
    """Sentence of each token, `[tokens]`; −1 for special tokens."""
    entities: int
    """Number of entities, those without a kept mention included."""
    pairs: NDArray[np.int32]
    """Subject and object of each pair to classify, `[pairs, 2]`."""
    labels: NDArray[np.int32]
    """Row in `pairs` and class id of each fact of a known relation, `[labels, 2]`; empty where there are no labels."""
    evidence: NDArray[np.int32]
    """Row in `labels` and index of each sentence that supports it, `[evidence, 2]`."""
    lost_mentions: int
    """Mentions whose start marker lies beyond the cut."""
    lost_entities: int
    """Entities without a kept mention."""
    lost_facts: int
    """Facts whose subject or object has no kept mention."""
    unknown_facts: int
    """Facts of a relation that the vocabulary does not have."""
    directed: bool = True
    """Where not, both orders of a pair stand side by side, rows 2i and 2i + 1, and a fact labels both."""


@dataclass(frozen=True)
class Truncation:
    """What a maximum length costs a corpus."""

    documents: int
    """Documents that lost a mention."""
    mentions: int
    entities: int
    facts: int
    """Facts that no model can find, since the subject or the object has no mention left."""

    @classmethod
    def from_features(cls, documents: Iterable[Features]) -> "Truncation":
        """Add up what each document lost."""
        lost = [document for document in documents if document.lost_mentions]
        return cls(
            documents=len(lost),
            mentions=sum(document.lost_mentions for document in lost),
            entities=sum(document.lost_entities for document in lost),
            facts=sum(document.lost_facts for document in lost),
        )

    def __str__(self) -> str:
        return (
            f"{self.mentions} mentions beyond the cut in {self.documents} documents; "
            f"{self.entities} entities and {self.facts} facts cannot be reached"
        )


class GrowingVocabulary:
    """Numbers names from 0 in the order in which they come; stands in where no vocabulary is known yet."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def class_of(self, name: str) -> int:
        """Return the number of a name, the next one where it is new."""
        return self._numbers.setdefault(name, len(self._numbers))

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)


class Preprocessor:
    """Preprocesses documents one after the other; words that come again are not cut again."""

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
            tokenizer: Any tokenizer that transformers loads and that, for markers, has a token for `*`.
            vocabulary: Class ids of the relations, or what numbers them as they come.
            types: What numbers the types of mentions; without it, every type is unknown, −1.
            max_length: Longest input in tokens, special tokens counted.
            leading_space: Cut each word as if a space stood before it.
            markers: How many `*` mark mentions.

        Raises:
            AtlopError: Mentions are marked, and the tokenizer has no token for `*`.
        """
        self._special = SpecialTokens.from_tokenizer(tokenizer)
        self._cutter = WordCutter(tokenizer, leading_space=leading_space)
        self._vocabulary = vocabulary
        self._types = types
        self._markers = markers
        self._marker = [] if markers == "none" else [self._cutter.marker]
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
        """Return the preprocessor of a configuration; see `__init__`."""
        return cls(
            tokenizer,
            vocabulary=vocabulary,
            types=types,
            max_length=config.max_length,
            leading_space=config.leading_space,
            markers=config.markers,
        )

    def preprocess(self, documents: Iterable[Document]) -> Iterator[Features]:
        """Yield the documents in their order, preprocessed."""
        for index, document in enumerate(documents):
            yield self._features(document, index=index)

    def token_words(self, document: Document) -> NDArray[np.int32]:
        """Return the word that each token of a preprocessed document is of, counted through the document, `[tokens]`.

        A `*` is of the word that it marks; special tokens are of none, −1.
        """
        starts, ends = self._marked_words(document)
        self._cutter.learn(word for sentence in document.sentences for word in sentence)
        counts = [
            len(self._cutter[word]) + starts[sentence_index, word_index] + ends[sentence_index, word_index]
            for sentence_index, sentence in enumerate(document.sentences)
            for word_index, word in enumerate(sentence)
        ]
        words = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[: self._max_tokens]
        return np.pad(words, (len(self._special.start), len(self._special.end)), constant_values=-1)

    def _features(self, document: Document, *, index: int) -> Features:
        tokens, sentence_ends, markers = self._mark(document)
        start, end = self._special.start, self._special.end
        mentions = [(entity, mention) for entity, of in enumerate(document.entities) for mention in of.mentions]
        positions = np.array(markers, dtype=np.int32)
        kept = positions < min(self._max_tokens, len(tokens))  # a word without tokens may be the last one
        kept_entities = np.array([entity for entity, _ in mentions], dtype=np.int32)[kept]
        number_of = (lambda _: -1) if self._types is None else self._types.class_of
        types = np.array([number_of(mention.type) for _, mention in mentions], dtype=np.int32)
        pairs = _pairs(document)
        facts = np.array([(fact.subject, fact.object) for fact in document.facts or ()], dtype=np.int32).reshape(-1, 2)
        labels, evidence = self._labels(document, pairs=pairs)
        reached = np.zeros(len(document.entities), dtype=bool)
        reached[kept_entities] = True
        return Features(
            index=index,
            title=document.title,
            input_ids=np.array([*start, *tokens[: self._max_tokens], *end], dtype=np.int32),
            mention_positions=positions[kept] + np.int32(len(start)),
            mention_entities=kept_entities,
            mention_types=types[kept],
            token_sentences=self._sentences_of_tokens(sentence_ends),
            entities=len(document.entities),
            pairs=pairs,
            labels=labels,
            evidence=evidence,
            lost_mentions=int((~kept).sum()),
            lost_entities=int((~reached).sum()),
            lost_facts=int((~reached[facts].all(axis=1)).sum()),
            unknown_facts=sum(fact.relation not in self._vocabulary for fact in document.facts or ()),
            directed=document.directed,
        )

    def _sentences_of_tokens(self, sentence_ends: list[int]) -> NDArray[np.int32]:
        """Return the sentence of each token that is kept, −1 for special tokens, from where sentences end, uncut."""
        counts = np.diff(np.array([0, *sentence_ends]))
        sentences = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[: self._max_tokens]
        return np.pad(sentences, (len(self._special.start), len(self._special.end)), constant_values=-1)

    def _marked_words(self, document: Document) -> tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]]:
        """Return how many `*` stand before and after each word with which a mention begins or ends."""
        distinct = {
            (mention.sentence, mention.start, mention.end - 1, mention.type)
            for entity in document.entities
            for mention in entity.mentions
        }
        starts = Counter((sentence, start) for sentence, start, *_ in distinct)
        ends = Counter((sentence, last) for sentence, _, last, _ in distinct)
        if self._markers != "mention":
            starts, ends = (Counter(dict.fromkeys(places, len(self._marker))) for places in (starts, ends))
        return starts, ends

    def _mark(self, document: Document) -> tuple[list[int], list[int], list[int]]:
        """Return all tokens of a document with its markers, where its sentences end and where its mentions are read."""
        starts, ends = self._marked_words(document)
        cutter = self._cutter
        cutter.learn(word for sentence in document.sentences for word in sentence)
        tokens: list[int] = []
        sentence_ends: list[int] = []
        marker_positions: dict[tuple[int, int], int] = {}
        for sentence_index, sentence in enumerate(document.sentences):
            for word_index, word in enumerate(sentence):
                place = (sentence_index, word_index)
                if place in starts:
                    marker_positions[place] = len(tokens)  # the first one stands for every mention that starts here
                    tokens += self._marker * starts[place]
                tokens += cutter[word]
                if place in ends:
                    tokens += self._marker * ends[place]
            sentence_ends.append(len(tokens))
        read_at = [marker_positions[each.sentence, each.start] for of in document.entities for each in of.mentions]
        return tokens, sentence_ends, read_at

    def _labels(self, document: Document, *, pairs: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the row among the pairs and the class id of each fact whose pair is classified, and its evidence."""
        entities = len(document.entities)
        row_of = np.full((entities, entities), -1, dtype=np.int32)
        row_of[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
        labels: list[tuple[int, int]] = []
        evidence: list[tuple[int, int]] = []
        for fact in document.facts or ():
            row = row_of[fact.subject, fact.object]
            if row >= 0 and fact.relation in self._vocabulary:
                evidence += [(len(labels), sentence) for sentence in fact.evidence]
                labels.append((row, self._vocabulary.class_of(fact.relation)))
        once = np.array(labels, dtype=np.int32).reshape(-1, 2), np.array(evidence, dtype=np.int32).reshape(-1, 2)
        return once if document.directed else in_both_orders(*once)


def _pairs(document: Document) -> NDArray[np.int32]:
    """Return subject and object of each pair to classify, `[pairs, 2]`."""
    if document.directed and document.pairs is None:
        return ordered_pairs(len(document.entities))
    if document.pairs is None:
        pairs = ordered_pairs(len(document.entities))
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    else:
        pairs = np.array(document.pairs, dtype=np.int32).reshape(-1, 2)
    return pairs if document.directed else np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)


def in_both_orders(
    labels: NDArray[np.int32], evidence: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return labels and evidence of an undirected document for both orders of its pairs, from those of the first."""
    other_order, other_labels = np.array([1, 0], dtype=np.int32), np.array([len(labels), 0], dtype=np.int32)
    return np.concatenate([labels, labels + other_order]), np.concatenate([evidence, evidence + other_labels])


@lru_cache(maxsize=64)
def ordered_pairs(entities: int) -> NDArray[np.int32]:
    """Return all (subject, object) with subject ≠ object, row by row, `[entities · (entities − 1), 2]`; read-only."""
    subject, object_ = np.divmod(np.arange(entities * entities, dtype=np.int32), max(entities, 1))
    pairs: NDArray[np.int32] = np.stack([subject, object_], axis=1)[subject != object_]
    pairs.setflags(write=False)  # every document of as many entities shares them
    return pairs
