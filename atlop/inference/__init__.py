"""A trained model -> facts about new text."""

from atlop.inference.extractor import RelationExtractor
from atlop.inference.facts import (
    Context,
    ContextSentence,
    ContextWord,
    ExtractedFact,
    Extraction,
    ExtractionError,
    Participant,
)

__all__ = [
    "Context",
    "ContextSentence",
    "ContextWord",
    "ExtractedFact",
    "Extraction",
    "ExtractionError",
    "Participant",
    "RelationExtractor",
]
