"""Issues of a corpus file."""

import logging
from pathlib import Path

from atlop.config import Invalid
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Document

logger = logging.getLogger(__name__)


class IssueCollector:
    """Collects the issues of one file while it is read; counts are named as in `CorpusIssues`."""

    def __init__(self, *, invalid: Invalid = "strict") -> None:
        if invalid not in ("strict", "skip"):
            raise AtlopError(f'invalid documents: expected "strict" or "skip", found {invalid!r}')
        self._invalid = invalid
        self.skipped: list[str] = []
        self.duplicate_documents = self.duplicate_facts = self.unmentioned_facts = 0
        self.self_relations = self.unclassified_facts = 0

    def add_invalid(self, problem: AtlopError) -> None:
        """Record an invalid document, which the reader then skips.

        Raises:
            AtlopError: The problem itself, unless invalid documents are skipped.
        """
        if self._invalid == "strict":
            raise problem
        self.skipped.append(str(problem))

    def add_duplicate_document(self) -> None:
        """Record a document that is identical to an earlier one; the reader then skips it."""
        self.duplicate_documents += 1

    def add_duplicate_facts(self, count: int) -> None:
        """Record the number of duplicate facts in a document."""
        self.duplicate_facts += count

    def add_unmentioned_facts(self, count: int) -> None:
        """Record the number of facts left out of a document because one of their entities has no mention."""
        self.unmentioned_facts += count

    def add_unclassified_facts(self, document: Document) -> None:
        """Count the facts of a document that are kept, but whose pair is not classified."""
        pairs = [(fact.subject, fact.object) for fact in document.facts or ()]
        self_relation_count = sum(subject == object_ for subject, object_ in pairs)
        self.self_relations += self_relation_count
        if document.pairs is not None:
            classified = frozenset(document.pairs)
            self.unclassified_facts += sum(pair not in classified for pair in pairs) - self_relation_count

    def issues(self) -> CorpusIssues:
        """Return the issues so far."""
        counts = {kind: count for kind, count in vars(self).items() if isinstance(count, int)}
        return CorpusIssues(skipped=tuple(self.skipped), **counts)


def log_issues(path: Path, *, documents: int, issues: CorpusIssues) -> None:
    """Log a warning for each kind of issue of a file; `documents` is the number of documents read."""
    for problem in issues.skipped:
        logger.warning("document skipped: %s", problem)
    if issues.skipped:
        logger.warning("%s: %d documents skipped, %d read", path, len(issues.skipped), documents)
    for count, description in (
        (issues.duplicate_documents, "documents left out as identical to an earlier one"),
        (issues.duplicate_facts, "facts merged with one of the same subject, object and relation (the first is kept)"),
        (issues.unmentioned_facts, "facts left out, because one of their entities has no mention"),
        (issues.self_relations, "facts from an entity to itself, which have no pair"),
        (issues.unclassified_facts, "facts of pairs that the corpus does not classify"),
    ):
        if count:
            logger.warning("%s: %d %s", path, count, description)
