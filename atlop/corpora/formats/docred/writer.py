"""Write DocRED format, which has only words and directed facts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atlop.corpora.json_objects import to_json_line
from atlop.corpora.losses import ConversionLoss, ConversionLosses
from atlop.files import atomic_text
from atlop.schema import Document, Mention


def write_docred(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    """Write documents in DocRED format, all or nothing: a JSON list with one document per line.

    Returns:
        Counts of what the format cannot store: texts (other than the words joined by spaces), identifiers, lists of
        pairs, novelty, the spans of discontinuous mentions, facts from an entity to itself. Facts of undirected
        documents are written in the direction in which they are listed.

    Raises:
        AtlopError: A document contains a lone surrogate.
    """
    losses = ConversionLosses()
    with atomic_text(path) as file:
        file.write("[")
        for index, document in enumerate(documents):
            line = to_json_line(_record(document), where=f'{path}, document {index} ("{document.title}")')
            file.write(f",\n{line}" if index else f"\n{line}")
            losses.update(_losses(document))
        file.write("\n]\n")
    return +losses


def _record(document: Document) -> dict[str, Any]:
    record: dict[str, Any] = {
        "title": document.title,
        "sents": document.sentences,
        "vertexSet": [[_mention(mention) for mention in entity.mentions] for entity in document.entities],
    }
    if document.facts is not None:
        record["labels"] = [
            {"h": fact.subject, "t": fact.object, "r": fact.relation, "evidence": fact.evidence}
            for fact in document.facts
            if fact.subject != fact.object
        ]
    return record


def _mention(mention: Mention) -> dict[str, Any]:
    position = [mention.start, mention.end]
    return {"name": mention.name, "sent_id": mention.sentence, "pos": position, "type": mention.type}


def _losses(document: Document) -> ConversionLosses:
    facts = document.facts or ()
    words_joined = " ".join(word for sentence in document.sentences for word in sentence)
    mentions = (mention for entity in document.entities for mention in entity.mentions)
    return ConversionLosses(
        {
            ConversionLoss.TEXT: document.text not in (None, words_joined),
            ConversionLoss.IDENTIFIER: sum(entity.identifier is not None for entity in document.entities),
            ConversionLoss.PAIRS: document.pairs is not None,
            ConversionLoss.UNDIRECTED: not document.directed,
            ConversionLoss.NOVELTY: sum(fact.novelty is not None for fact in facts),
            ConversionLoss.SELF_RELATION: sum(fact.subject == fact.object for fact in facts),
            ConversionLoss.DISCONTINUOUS: sum(len(mention.spans) > 1 for mention in mentions),
        }
    )
