"""How much one client may ask for, and all of them together."""

from dataclasses import dataclass

from atlop.errors import AtlopError
from atlop.schema import Document


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the service; what is beyond one gets an answer that names it."""

    bytes: int = 1_000_000
    """Of the body of a request."""
    documents: int = 32
    """In a request."""
    words: int = 5_000
    """In a document."""
    entities: int = 200
    """In a document; the model scores each ordered pair of them."""
    mentions: int = 1_000
    """In a document."""
    seconds: float = 30.0
    """For the body of a request to come, and again for its answer to be found."""
    waiting: int = 64
    """Documents that wait for the model."""
    connections: int = 256
    """That are open, whatever they wait for; each holds one request or answer in memory."""

    def check(self, document: Document, *, where: str) -> None:
        """Refuse a document that is too large.

        Raises:
            AtlopError: It is.
        """
        mentions = sum(len(entity.mentions) for entity in document.entities)
        for found, most, what in (
            (document.words, self.words, "words"),
            (len(document.entities), self.entities, "entities"),
            (mentions, self.mentions, "mentions"),
        ):
            if found > most:
                raise AtlopError(f"{where}: has {found:,} {what}; expected at most {most:,}")
