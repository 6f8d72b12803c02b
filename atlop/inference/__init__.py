"""A trained model -> facts about new text."""

from atlop.inference.extractor import RelationExtractor
from atlop.inference.facts import (
    Context,
    ContextWord,
    EvidenceSentence,
    ExtractedFact,
    Extraction,
    ExtractionError,
    Participant,
)

__all__ = [
    "Context",
    "ContextWord",
    "EvidenceSentence",
    "ExtractedFact",
    "Extraction",
    "ExtractionError",
    "Participant",
    "RelationExtractor",
]
