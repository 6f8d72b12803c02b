"""Limits on requests and load."""

from dataclasses import dataclass

from atlop.errors import AtlopError
from atlop.schema import Document


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the service; an error response names the limit that a request exceeds."""

    bytes: int = 1_000_000
    """Size of a request body."""
    documents: int = 32
    """Documents per request."""
    words: int = 5_000
    """Words per document."""
    entities: int = 200
    """Entities per document; the model scores each ordered pair."""
    mentions: int = 1_000
    """Mentions per document."""
    seconds: float = 30.0
    """Time to receive a request body, and again to compute its response."""
    waiting: int = 64
    """Documents in the queue, and as many more that wait for the recogniser."""
    connections: int = 256
    """Open connections; each holds one request or response in memory."""

    def check(self, document: Document, *, where: str) -> None:
        """Refuse a document that exceeds a limit.

        Raises:
            AtlopError: It exceeds one.
        """
        mentions = sum(len(entity.mentions) for entity in document.entities)
        for count, limit, unit in (
            (document.words, self.words, "words"),
            (len(document.entities), self.entities, "entities"),
            (mentions, self.mentions, "mentions"),
        ):
            if count > limit:
                raise AtlopError(f"{where}: has {count:,} {unit}; expected at most {limit:,}")
