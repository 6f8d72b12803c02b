"""A corpus file: `CorpusFile` goes through it document by document, `read_corpus` reads it whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from atlop.config import Invalid
from atlop.corpora.findings import Findings, log_oddities
from atlop.corpora.layouts import find_layout
from atlop.errors import AtlopError
from atlop.files import sha256_of
from atlop.schema import Document, Oddities


class CorpusFile:
    """The documents of one file (of DWIE: one folder), read anew each time that they are gone through; none is kept."""

    def __init__(self, path: Path, *, layout: str | None = None, invalid: Invalid = "strict"):
        """Find out how to read the file.

        Args:
            path: The file.
            layout: A key of `CORPORA`, or `pubtator:` with the path of a scheme; `None` recognises it.
            invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.

        Raises:
            AtlopError: The layout or the policy is unknown.
        """
        self.path = path
        self.invalid = invalid
        self._layout = find_layout(path, layout=layout)
        self._findings = Findings(invalid=invalid)

    @property
    def layout(self) -> str:
        """The layout's name."""
        return self._layout.name

    @property
    def oddities(self) -> Oddities:
        """What the last pass met besides valid documents."""
        return self._findings.oddities()

    @cached_property
    def sha256(self) -> dict[str, str]:
        """The sha256 of all that is read, by path: of the file, which comes first, and of what its layout needs.

        Raises:
            AtlopError: Something of it cannot be read.
        """
        return {str(path): sha256_of(path) for path in (self.path, *self._layout.needs)}

    def __iter__(self) -> Iterator[Document]:
        """Yield every valid document.

        Raises:
            AtlopError: The file cannot be read, a document is invalid (`strict`), or every one is.
        """
        self._findings = findings = Findings(invalid=self.invalid)
        is_empty = True
        for document in self._layout.read(self.path, findings=findings):
            is_empty = False
            yield document
        if is_empty and findings.skipped:
            count = len(findings.skipped)
            raise AtlopError(
                f"{self.path}: every document is invalid ({count}); the first problem: {findings.skipped[0]}"
            )

    def read(self) -> "Corpus":
        """Read the file whole; what is odd about it is logged.

        Raises:
            AtlopError: The file cannot be read, a document is invalid (`strict`), or every one is.
        """
        documents = tuple(self)
        log_oddities(self.path, documents=len(documents), oddities=self.oddities)
        return Corpus(self.path, self.sha256[str(self.path)], documents, self.oddities)


@dataclass(frozen=True)
class Corpus:
    """The documents of one file, and what is odd about it."""

    path: Path
    sha256: str
    """Of the file's bytes, hexadecimal; of a folder as `sha256_of` says."""
    documents: tuple[Document, ...]
    oddities: Oddities

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)


def read_corpus(path: Path, *, layout: str | None = None, invalid: Invalid = "strict") -> Corpus:
    """Read a corpus file whole; what is odd about it is logged.

    Args:
        path: The file, or DWIE's folder.
        layout: A key of `CORPORA`, or `pubtator:` with the path of a scheme; `None` recognises it.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out, logs and counts it.

    Raises:
        AtlopError: The layout is unknown, the file cannot be read, a document is invalid (`strict`), or every one is.
    """
    return CorpusFile(path, layout=layout, invalid=invalid).read()
