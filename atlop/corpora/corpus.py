"""A corpus file: `CorpusFile` streams its documents, `read_corpus` reads all of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from atlop.config import Invalid
from atlop.corpora.formats import find_format
from atlop.corpora.issues import IssueCollector, log_issues, without_negatives
from atlop.corpora.recognition import SUBMISSION, recognise_format
from atlop.corpora.vocabulary import read_negative
from atlop.errors import AtlopError
from atlop.files import file_sha256, own_sources
from atlop.schema import CorpusIssues, Document


class NoValidDocumentError(AtlopError):
    """Every document of a file is invalid; the message says how many, and what is wrong with the first."""


class CorpusFile:
    """The documents of one file, or folder of some formats; each iteration reads the file again and keeps nothing."""

    def __init__(
        self, path: Path, *, format: str | None = None, invalid: Invalid = "strict", relations: Path | None = None
    ):
        """Find the format of the file.

        Args:
            path: The file, or the folder of a format that is one.
            format: A key of `FORMATS`, or `pubtator:` and the path of a scheme; `None` recognises it.
            invalid: `strict` raises at the first invalid document, `skip` skips and counts it.
            relations: `rel2id.json`; labels with the name that has id 0 are left out and counted, as are those that the
                format defines.

        Raises:
            AtlopError: The format or the policy is unknown, the format is not recognised, the file is a submission, or
                `relations` is malformed.
        """
        self.path = path
        self.invalid = invalid
        format = recognise_format(path) if format is None else format
        if format == SUBMISSION:
            raise AtlopError(f"{path}: is a submission; expected documents, with their sentences and entities")
        self._format = find_format(path, format=format)
        self.format = self._format.name
        labels = (self._format.negative, read_negative(relations))
        self._negatives = frozenset(label for label in labels if label is not None)
        self._issues = IssueCollector(invalid=invalid)

    @property
    def issues(self) -> CorpusIssues:
        """The issues found in the last iteration."""
        return self._issues.issues()

    @cached_property
    def sha256(self) -> dict[str, str]:
        """The sha256 of each file that is read, by path: the corpus file, then the extra files of its format.

        That of a reader of one's own, if the format has one, is the last.

        Raises:
            AtlopError: One of them cannot be read.
        """
        files = {str(path): file_sha256(path) for path in (self.path, *self._format.extra_files(self.path))}
        return files | own_sources(self._format.read)

    def identity(self) -> dict[str, str]:
        """Return all that the documents depend on besides the code.

        Raises:
            AtlopError: A file cannot be read.
        """
        return {
            "format": self.format,
            "invalid": self.invalid,
            "negatives": ", ".join(sorted(self._negatives)),
            "files": ", ".join(self.sha256.values()),
        }

    def __iter__(self) -> Iterator[Document]:
        """Yield every valid document.

        Raises:
            AtlopError: The file cannot be read, or a document is invalid (`strict`).
            NoValidDocumentError: All documents are invalid (`skip`).
        """
        self._issues = issues = IssueCollector(invalid=self.invalid)
        is_empty = True
        for document in self._format.read(self.path, issues=issues):
            is_empty = False
            yield issues.examine(document, negatives=self._negatives)
        if is_empty and issues.skipped:
            count, first = issues.skipped_documents, issues.skipped[0]
            raise NoValidDocumentError(f"{self.path}: every document is invalid ({count}); the first problem: {first}")

    def read(self) -> "Corpus":
        """Read all documents and log the issues.

        Raises:
            AtlopError: The file cannot be read, a document is invalid (`strict`), or all are.
        """
        documents = tuple(self)
        log_issues(self.path, documents=len(documents), issues=self.issues)
        return Corpus(self.path, self.sha256[str(self.path)], documents, self.issues)


@dataclass(frozen=True)
class Corpus:
    """The documents of one file, and its issues."""

    path: Path
    sha256: str
    """Of the file, hexadecimal; `file_sha256` defines that of a folder."""
    documents: tuple[Document, ...]
    issues: CorpusIssues

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    def without_negatives(self, negative: str | None) -> "Corpus":
        """Return the corpus without the labels that say that no relation holds to a model; log their number."""
        negatives = frozenset(() if negative is None else (negative,))
        documents = tuple(without_negatives(document, negatives=negatives) for document in self.documents)
        count = sum(len(document.facts or ()) for document in self.documents)
        count -= sum(len(document.facts or ()) for document in documents)
        if not count:
            return self
        log_issues(self.path, documents=len(documents), issues=CorpusIssues(negative_labels=count))
        issues = replace(self.issues, negative_labels=self.issues.negative_labels + count)
        return replace(self, documents=documents, issues=issues)

    def summary(self) -> dict[str, Any]:
        """Return a record for results: path, sha256, number of documents, counts of issues."""
        counts = self.issues.counts()
        return {"path": self.path, "sha256": self.sha256, "documents": len(self.documents), **counts}


def read_corpus(
    path: Path, *, format: str | None = None, invalid: Invalid = "strict", relations: Path | None = None
) -> Corpus:
    """Read all documents of a corpus file and log its issues; arguments and errors are those of `CorpusFile`."""
    return CorpusFile(path, format=format, invalid=invalid, relations=relations).read()
