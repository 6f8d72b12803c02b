"""A corpus file, read whole: `read_corpus` is what everything else calls."""

import logging
from dataclasses import dataclass
from pathlib import Path

from atlop.config import Invalid
from atlop.corpora.docred import read_docred
from atlop.corpora.findings import Findings, Reader
from atlop.errors import AtlopError
from atlop.files import sha256_of
from atlop.schema import Document

logger = logging.getLogger(__name__)

CORPORA: dict[str, Reader] = {
    "docred": read_docred,
}
"""Reader of each layout; a new corpus is a module that yields `Document`, and a line here."""


@dataclass(frozen=True)
class Corpus:
    """The documents of one file, and what was amiss with it."""

    path: Path
    sha256: str
    """Of the file's bytes, hexadecimal."""
    documents: tuple[Document, ...]
    skipped: tuple[str, ...]
    """One message for each invalid document that was left out."""
    merged: int
    """Number of facts left out because the same document lists them before."""


def read_corpus(path: Path, *, layout: str = "docred", invalid: Invalid = "strict") -> Corpus:
    """Read a corpus file.

    Args:
        path: The file.
        layout: A key of `CORPORA`.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out, logs and counts it.

    Raises:
        AtlopError: The layout is unknown, the file cannot be read, a document is invalid (`strict`), or every one is.
    """
    try:
        reader = CORPORA[layout]
    except KeyError:
        raise AtlopError(f"{path}: unknown layout {layout!r}; known: {', '.join(sorted(CORPORA))}") from None
    findings = Findings(invalid=invalid)
    documents = tuple(reader(path, findings=findings))
    if findings.skipped and not documents:
        count = len(findings.skipped)
        raise AtlopError(f"{path}: every document is invalid ({count}); the first problem: {findings.skipped[0]}")
    if findings.skipped:
        logger.warning("%s: %d documents skipped, %d read", path, len(findings.skipped), len(documents))
    if findings.merged:
        logger.warning(
            "%s: %d facts merged with one of the same subject, object and relation (the first stays)",
            path,
            findings.merged,
        )
    return Corpus(
        path=path,
        sha256=sha256_of(path),
        documents=documents,
        skipped=tuple(findings.skipped),
        merged=findings.merged,
    )
