"""A corpus file: `CorpusFile` goes through it document by document, `read_corpus` reads it whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from atlop.config import Invalid
from atlop.corpora.docred import read_docred
from atlop.corpora.findings import Findings, Reader, log_findings
from atlop.errors import AtlopError
from atlop.files import sha256_of
from atlop.schema import Document

CORPORA: dict[str, Reader] = {
    "docred": read_docred,
}
"""Reader of each layout; a new corpus is a module that yields `Document`, and a line here."""


class CorpusFile:
    """The documents of one file, read anew each time that they are gone through; none is kept."""

    def __init__(self, path: Path, *, layout: str = "docred", invalid: Invalid = "strict"):
        """Open nothing yet.

        Args:
            path: The file.
            layout: A key of `CORPORA`.
            invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.

        Raises:
            AtlopError: The layout or the policy is unknown.
        """
        if layout not in CORPORA:
            raise AtlopError(f"{path}: unknown layout {layout!r}; known: {', '.join(sorted(CORPORA))}")
        self.path = path
        self.layout = layout
        self.invalid = invalid
        self._findings = Findings(invalid=invalid)

    @property
    def skipped(self) -> tuple[str, ...]:
        """One message for each invalid document that the last pass left out."""
        return tuple(self._findings.skipped)

    @property
    def merged(self) -> int:
        """Number of facts that the last pass left out because the same document lists them before."""
        return self._findings.merged

    def __iter__(self) -> Iterator[Document]:
        """Yield every valid document.

        Raises:
            AtlopError: The file cannot be read, a document is invalid (`strict`), or every one is.
        """
        self._findings = findings = Findings(invalid=self.invalid)
        is_empty = True
        for document in CORPORA[self.layout](self.path, findings=findings):
            is_empty = False
            yield document
        if is_empty and findings.skipped:
            count = len(findings.skipped)
            raise AtlopError(
                f"{self.path}: every document is invalid ({count}); the first problem: {findings.skipped[0]}"
            )


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

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)


def read_corpus(path: Path, *, layout: str = "docred", invalid: Invalid = "strict") -> Corpus:
    """Read a corpus file whole; what was left out is logged.

    Args:
        path: The file.
        layout: A key of `CORPORA`.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out, logs and counts it.

    Raises:
        AtlopError: The layout is unknown, the file cannot be read, a document is invalid (`strict`), or every one is.
    """
    file = CorpusFile(path, layout=layout, invalid=invalid)
    documents = tuple(file)
    log_findings(path, documents=len(documents), skipped=file.skipped, merged=file.merged)
    return Corpus(path=path, sha256=sha256_of(path), documents=documents, skipped=file.skipped, merged=file.merged)
