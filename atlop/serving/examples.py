"""Texts that the page offers."""

from pathlib import Path
from typing import Any

from atlop.files import read_lines
from atlop.inference import Extraction, RelationExtractor
from atlop.parsing import parse_json

EXAMPLES = Path(__file__).parent / "page" / "examples.jsonl"
"""Texts with entities about several worlds, that of the model `sample` among them."""


def answered_examples(extractor: RelationExtractor) -> list[dict[str, Any]]:
    """Return the texts, each with the number of `facts` that the model finds in it, those with most facts first."""
    texts = [parse_json(line, where=str(EXAMPLES)) for line in read_lines(EXAMPLES)]
    found = extractor.pipe(texts)
    counts = [len(result) if isinstance(result, Extraction) else 0 for result in found]
    examples = [{**text, "facts": count} for text, count in zip(texts, counts, strict=True)]
    return sorted(examples, key=lambda example: -example["facts"])
