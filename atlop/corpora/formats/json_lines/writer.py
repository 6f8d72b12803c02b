"""Write JSON lines (described in `reader.py`), which can store everything except empty words."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from atlop.corpora.json_objects import to_json_line
from atlop.corpora.losses import ConversionLoss, ConversionLosses
from atlop.corpora.text.annotation import text_and_offsets, word_characters
from atlop.corpora.text.character_spans import Offsets, mention_text
from atlop.errors import AtlopError
from atlop.files import atomic_text
from atlop.schema import Document, Entity, Fact, Mention


def write_json_lines(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    """Write documents as JSON lines, with their words, so that reading restores all but empty words.

    A document without a text gets one: its words joined by spaces.

    Returns:
        The number of empty words, which the format cannot store.

    Raises:
        AtlopError: A document contains a lone surrogate, or a mention has only empty words or spans that overlap.
    """
    losses = ConversionLosses()
    with atomic_text(path) as file:
        for index, document in enumerate(documents):
            where = f'{path}, document {index} ("{document.title}")'
            file.write(to_json_line(json_record(document, where=where), where=where) + "\n")
            losses[ConversionLoss.EMPTY_WORD] += sum(not word for sentence in document.sentences for word in sentence)
    return +losses


def json_record(document: Document, *, where: str) -> dict[str, Any]:
    """Return a document as an object in the format; errors are those of `write_json_lines`."""
    text, offsets = text_and_offsets(document)
    record: dict[str, Any] = {
        "title": document.title,
        "text": text,
        "entities": [
            _entity(entity, text=text, offsets=offsets, where=f"{where}, entity {index}")
            for index, entity in enumerate(document.entities)
        ],
    }
    if document.facts is not None:
        record["relations"] = [_relation(fact) for fact in document.facts]
    record["words"] = [[span for span in sentence if span[0] < span[1]] for sentence in offsets]
    if document.pairs is not None:
        record["pairs"] = document.pairs
    if not document.directed:
        record["directed"] = False
    return record


def _entity(entity: Entity, *, text: str, offsets: Offsets, where: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "mentions": [
            _mention(mention, type=entity.type, text=text, offsets=offsets, where=f"{where}, mention {index}")
            for index, mention in enumerate(entity.mentions)
        ]
    }
    if entity.type:
        record["type"] = entity.type
    if entity.identifier is not None:
        record["id"] = entity.identifier
    return record


def _mention(mention: Mention, *, type: str, text: str, offsets: Offsets, where: str) -> object:
    """Return `[start, end]` if that is sufficient, otherwise an object."""
    spans = mention.spans or (word_characters(mention, offsets=offsets, where=where),)
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        raise AtlopError(f'{where} ("{mention.name}"): its spans overlap or are out of order; fix the mention')
    record: dict[str, Any] = {"spans": spans}
    if mention.name != mention_text(spans, text=text):
        record["name"] = mention.name
    if mention.type != type:
        record["type"] = mention.type
    return spans[0] if len(spans) == len(record) == 1 else record


def _relation(fact: Fact) -> dict[str, Any]:
    record: dict[str, Any] = {"subject": fact.subject, "object": fact.object, "relation": fact.relation}
    if fact.evidence:
        record["evidence"] = fact.evidence
    if fact.novelty is not None:
        record["novelty"] = fact.novelty
    return record
