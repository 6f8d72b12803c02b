"""What a reader meets besides valid documents."""

import logging
from pathlib import Path

from atlop.config import Invalid
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Document

logger = logging.getLogger(__name__)


class IssueCollector:
    """What is odd about one file, gathered while a reader goes through it; named as in `CorpusIssues`."""

    def __init__(self, *, invalid: Invalid = "strict") -> None:
        if invalid not in ("strict", "skip"):
            raise AtlopError(f'invalid documents: expected "strict" or "skip", found {invalid!r}')
        self._invalid = invalid
        self.skipped: list[str] = []
        self.repeated = 0
        self.merged = 0
        self.unmentioned = 0
        self.self_relations = 0
        self.unclassified = 0

    def add_invalid(self, problem: AtlopError) -> None:
        """Note an invalid document, which the reader then leaves out.

        Raises:
            AtlopError: The problem itself, unless invalid documents are to be skipped.
        """
        if self._invalid == "strict":
            raise problem
        self.skipped.append(str(problem))

    def add_repeated(self) -> None:
        """Note a document that the file has before, which the reader then leaves out."""
        self.repeated += 1

    def add_merged(self, count: int) -> None:
        """Note how many facts of a document were listed before."""
        self.merged += count

    def add_unmentioned(self, count: int) -> None:
        """Note how many facts of a document were left out because an entity of theirs has no mention."""
        self.unmentioned += count

    def add_unclassified(self, document: Document) -> None:
        """Note how many facts of a document are kept though no pair stands for them."""
        pairs = [(fact.subject, fact.object) for fact in document.facts or ()]
        own = sum(subject == object_ for subject, object_ in pairs)
        listed = None if document.pairs is None else frozenset(document.pairs)
        self.self_relations += own
        if listed is not None:
            self.unclassified += sum(pair not in listed for pair in pairs) - own

    def issues(self) -> CorpusIssues:
        """Return what was noted until now."""
        return CorpusIssues(
            skipped=tuple(self.skipped),
            repeated=self.repeated,
            merged=self.merged,
            unmentioned=self.unmentioned,
            self_relations=self.self_relations,
            unclassified=self.unclassified,
        )


def log_issues(path: Path, *, documents: int, issues: CorpusIssues) -> None:
    """Warn of what is odd about a file, a line for each kind.

    Args:
        path: The file.
        documents: Number of documents that are left.
        issues: What there is.
    """
    for problem in issues.skipped:
        logger.warning("document skipped: %s", problem)
    if issues.skipped:
        logger.warning("%s: %d documents skipped, %d read", path, len(issues.skipped), documents)
    for count, what in (
        (issues.repeated, "documents left out, since the file has the very same documents before"),
        (issues.merged, "facts merged with one of the same subject, object and relation (the first stays)"),
        (issues.unmentioned, "facts left out, since no mention names one of their entities"),
        (issues.self_relations, "facts from an entity to itself, which no pair stands for"),
        (issues.unclassified, "facts of pairs that the corpus does not classify"),
    ):
        if count:
            logger.warning("%s: %d %s", path, count, what)
