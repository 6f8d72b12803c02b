"""Texts of the golden documents, and other small ones."""

from typing import Any

from atlop.schema import Document

TEXT = "Lucia Vestergaard founded the archive together with Emeka Halloran. Halloran rebuilt it in the spring."
ENTITIES = [[(0, 17)], [(52, 66), (68, 76)]]


def plain_row(document: Document) -> dict[str, Any]:
    """Return a document as text alone: its words with one space between, mentions by their characters."""
    words = [(s, w) for s, sentence in enumerate(document.sentences) for w in range(len(sentence))]
    start, reached = {}, 0
    for s, w in words:
        start[s, w] = reached
        reached += len(document.sentences[s][w]) + 1
    return {
        "title": document.title,
        "text": " ".join(document.sentences[s][w] for s, w in words),
        "entities": [
            {
                "mentions": [
                    [
                        start[mention.sentence, mention.start],
                        start[mention.sentence, mention.end - 1]
                        + len(document.sentences[mention.sentence][mention.end - 1]),
                    ]
                    for mention in entity.mentions
                ],
                "type": entity.type,
            }
            for entity in document.entities
        ],
    }
