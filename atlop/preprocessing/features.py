"""One preprocessed document, and what truncation cost it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.preprocessing.supervision import LABELS_ALONE, Supervision


@dataclass(frozen=True, slots=True)
class Features:
    """A document as the model reads it. Arrays are int32."""

    index: int
    """Index of the document in its corpus."""
    title: str
    input_ids: NDArray[np.int32]
    """Token ids, special tokens included, `[tokens]`."""
    mention_positions: NDArray[np.int32]
    """Position in `input_ids` at which each kept mention is read: its start marker, or without markers its first token,
    `[mentions]`."""
    mention_entities: NDArray[np.int32]
    """Entity of each kept mention, ascending, `[mentions]`."""
    token_sentences: NDArray[np.int32]
    """Sentence of each token, `[tokens]`; −1 for special tokens."""
    entities: int
    """Number of entities, including those without a kept mention."""
    entity_types: NDArray[np.int32]
    """Id of each entity's type, `[entities]`; −1 if unknown."""
    pairs: NDArray[np.int32]
    """Subject and object of each pair to classify, `[pairs, 2]`."""
    labels: NDArray[np.int32]
    """Row in `pairs` and class id of each fact of a known relation, `[labels, 2]`; empty without labels."""
    evidence: NDArray[np.int32]
    """Row in `labels` and index of each supporting sentence, `[evidence, 2]`."""
    truncated_mentions: int
    """Mentions whose start marker is truncated."""
    unreachable_entities: int
    """Entities without a kept mention."""
    unreachable_facts: int
    """Facts whose subject or object has no kept mention."""
    unknown_facts: int
    """Facts of relations that are not in the vocabulary."""
    directed: bool = True
    """If false, the two orders of each pair are rows 2i and 2i + 1, and each fact labels both."""
    supervision: Supervision = LABELS_ALONE

    @property
    def sentences(self) -> int:
        """Number of sentences up to the last one that has a token."""
        return 1 + int(self.token_sentences.max(initial=-1))


@dataclass(frozen=True)
class Truncation:
    """What a maximum length costs a corpus."""

    documents: int
    """Documents with truncated mentions."""
    mentions: int
    entities: int
    """Entities of these documents without a mention left."""
    facts: int
    """Facts of these documents whose subject or object has no mention left."""

    @classmethod
    def from_features(cls, documents: Iterable[Features]) -> "Truncation":
        """Add up the documents."""
        truncated = [document for document in documents if document.truncated_mentions]
        return cls(
            documents=len(truncated),
            mentions=sum(document.truncated_mentions for document in truncated),
            entities=sum(document.unreachable_entities for document in truncated),
            facts=sum(document.unreachable_facts for document in truncated),
        )

    def __str__(self) -> str:
        return (
            f"{self.mentions} mentions truncated in {self.documents} documents; "
            f"{self.entities} entities and {self.facts} facts cannot be reached"
        )
