"""What a reader meets besides valid documents."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from atlop.config import Invalid
from atlop.errors import AtlopError
from atlop.schema import Document

logger = logging.getLogger(__name__)


class Findings:
    """Invalid and repeated documents and merged facts of one file, gathered while a reader goes through it."""

    def __init__(self, *, invalid: Invalid = "strict") -> None:
        if invalid not in ("strict", "skip"):
            raise AtlopError(f'invalid documents: expected "strict" or "skip", found {invalid!r}')
        self._invalid = invalid
        self.skipped: list[str] = []
        """One message for each dropped document."""
        self.merged = 0
        """Number of facts dropped because the same document lists them more than once."""
        self.self_relations = 0
        """Number of facts from an entity to itself; they are kept, but no pair stands for them."""
        self.unclassified = 0
        """Number of other facts whose pair the corpus does not classify; they are kept, without a pair."""
        self.repeated = 0
        """Number of documents left out because the file has the very same document before."""

    def drop(self, problem: AtlopError) -> None:
        """Note an invalid document, which the reader then leaves out.

        Raises:
            AtlopError: The problem itself, unless invalid documents are to be skipped.
        """
        if self._invalid == "strict":
            raise problem
        self.skipped.append(str(problem))

    def merge(self, count: int) -> None:
        """Note how many facts of a document were listed before."""
        self.merged += count

    def keep_unclassified(self, *, self_relations: int, others: int) -> None:
        """Note how many facts of a document were kept though no pair of its list stands for them."""
        self.self_relations += self_relations
        self.unclassified += others

    def repeat(self, place: str) -> None:
        """Note a document that the file has before, which the reader then leaves out; the place is for the log."""
        logger.warning("document left out: %s", place)
        self.repeated += 1


def log_findings(path: Path, *, documents: int, skipped: Sequence[str], merged: int) -> None:
    """Warn of what was left out of a file.

    Args:
        path: The file.
        documents: Number of documents that are left.
        skipped: One message for each invalid document.
        merged: Number of repeated facts.
    """
    for problem in skipped:
        logger.warning("document skipped: %s", problem)
    if skipped:
        logger.warning("%s: %d documents skipped, %d read", path, len(skipped), documents)
    if merged:
        logger.warning(
            "%s: %d facts merged with one of the same subject, object and relation (the first stays)", path, merged
        )


class Reader(Protocol):
    """Reads one file layout: yields every valid document in order and reports the rest to `findings`."""

    def __call__(self, path: Path, *, findings: Findings) -> Iterator[Document]:
        """Yield the documents of the file."""
        ...
