"""Evidence of the pairs with gold facts, whatever facts a model finds (PosEvi F1 of DREEAM, arXiv 2302.08675)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document

PairEvidence: TypeAlias = Mapping[tuple[int, int], Collection[int]]
"""Sentences by subject and object."""


def gold_evidence(document: Document) -> dict[tuple[int, int], set[int]]:
    """Return the sentences that support a fact of a pair, of the pairs with annotated evidence."""
    evidence: dict[tuple[int, int], set[int]] = defaultdict(set)
    for fact in document.facts or ():
        if fact.evidence:
            evidence[fact.subject, fact.object].update(fact.evidence)
    return dict(evidence)


def pair_evidence_counts(documents: Sequence[Document], found: Sequence[PairEvidence]) -> NDArray[np.int64]:
    """Return the numbers of correct, found and gold sentences of the pairs with annotated evidence, and 0.

    Args:
        documents: Labelled documents.
        found: The evidence of at least those pairs, of each document.

    Returns:
        `[documents, 4]`.
    """
    counts = np.zeros((len(documents), 4), dtype=np.int64)
    for count, document, evidence in zip(counts, documents, found, strict=True):
        for pair, gold in gold_evidence(document).items():
            sentences = set(evidence.get(pair, ()))
            count[:3] += len(gold & sentences), len(sentences), len(gold)
    return counts
