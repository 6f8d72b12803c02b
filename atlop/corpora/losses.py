"""What is lost when documents are written in a format."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from atlop.schema import Document


class ConversionLoss(StrEnum):
    """A kind of information that a writer drops, or keeps in part."""

    TEXT = "texts and character offsets"
    IDENTIFIER = "identifiers"
    PAIRS = "lists of pairs"
    UNDIRECTED = "undirected documents, facts kept in one direction"
    DIRECTED = "directed documents, facts kept without their direction"
    EVIDENCE = "evidence of facts"
    UNLABELLED = "whether documents without facts are labelled"
    LINE_END = "texts with line ends, kept as spaces"
    WORDS = "boundaries of sentences and words, which readers find again"
    NOVELTY = "novelty of facts"
    SELF_RELATION = "facts from an entity to itself"
    DISCONTINUOUS = "discontinuous mentions, kept from first to last word"
    NAME = "names of types and relations, kept in another form"
    EMPTY_WORD = "empty words"
    GROUP = "entities of several mentions, kept as one each"
    OVERLAP = "mentions that overlap others, with their facts"


ConversionLosses: TypeAlias = Counter[ConversionLoss]
"""How often each kind was dropped; kinds that were never dropped are missing."""


def annotation_losses(document: Document) -> ConversionLosses:
    """Count what no format of an annotation tool can hold."""
    facts = document.facts or ()
    return ConversionLosses(
        {
            ConversionLoss.PAIRS: document.pairs is not None,
            ConversionLoss.EVIDENCE: sum(bool(fact.evidence) for fact in facts),
            ConversionLoss.NOVELTY: sum(fact.novelty is not None for fact in facts),
            ConversionLoss.SELF_RELATION: sum(fact.subject == fact.object for fact in facts),
        }
    )


class Writer(Protocol):
    """Streams documents into a file of one format and counts what it drops."""

    def __call__(self, path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
        """Write the file, all or nothing, gzipped if `path` ends in `.gz`; some formats are a folder."""
