"""Issues of a corpus file: those that its reader reports, and those that a look at its documents shows."""

import logging
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path

from atlop.config import Invalid
from atlop.corpora.mentions import cuts_a_word, is_misnamed
from atlop.corpora.vocabulary import is_named_negative
from atlop.errors import AtlopError
from atlop.schema import CorpusIssues, Document

logger = logging.getLogger(__name__)

MAX_KEPT = 100
"""Messages about invalid documents that are kept of a file; the others are counted."""
_SUSPICIOUS_SHARE = 0.1  # of mentions; the published corpora are far below


class IssueCollector:
    """Collects the issues of one file while it is read; counts are named as in `CorpusIssues`."""

    def __init__(self, *, invalid: Invalid = "strict") -> None:
        if invalid not in ("strict", "skip"):
            raise AtlopError(f'invalid documents: expected "strict" or "skip", found {invalid!r}')
        self._invalid = invalid
        self.skipped: list[str] = []
        self.skipped_documents = self.duplicate_documents = self.duplicate_facts = self.unmentioned_facts = 0
        self.negative_labels = self.self_relations = self.unclassified_facts = 0
        self.misnamed_mentions = self.cut_mentions = self.skipped_relations = 0
        self.left_out: Counter[str] = Counter()
        self._hints: list[str] = []
        self._mentions = self._labelled_documents = self._facts = 0
        self._texts: set[str] = set()
        self._suspicious_names: Counter[str] = Counter()

    def add_invalid(self, problem: AtlopError) -> None:
        """Record an invalid document, which the reader then skips.

        Raises:
            AtlopError: The problem itself, unless invalid documents are skipped.
        """
        if self._invalid == "strict":
            raise problem
        self.skipped_documents += 1
        if len(self.skipped) < MAX_KEPT:
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

    def add_left_out(self, kinds: Mapping[str, int], *, skipped_relations: int = 0) -> None:
        """Record what was left out of a document by kind, and its relations that do not have two ends."""
        self.left_out.update(kinds)
        self.skipped_relations += skipped_relations

    def add_hint(self, hint: str) -> None:
        """Record a message about what is valid, but probably not meant."""
        self._hints.append(hint)

    def examine(self, document: Document, *, negatives: Set[str]) -> Document:
        """Count what documents of all formats have in common; return the document without its `negatives`."""
        if document.words:
            digest = document.text_digest()
            self.duplicate_documents += digest in self._texts
            self._texts.add(digest)
        mentions = [mention for entity in document.entities for mention in entity.mentions]
        self._mentions += len(mentions)
        self.misnamed_mentions += sum(is_misnamed(mention, document=document) for mention in mentions)
        if (text := document.text) is not None:
            self.cut_mentions += sum(cuts_a_word(mention.spans, text=text) for mention in mentions)
        kept = without_negatives(document, negatives=negatives)
        self.negative_labels += len(document.facts or ()) - len(kept.facts or ())
        self._labelled_documents += document.facts is not None
        self._facts += len(kept.facts or ())
        names = (fact.relation for fact in kept.facts or ())
        self._suspicious_names.update(name for name in names if is_named_negative(name))
        return kept

    def issues(self) -> CorpusIssues:
        """Return the issues so far."""
        counts = {kind: count for kind, count in vars(self).items() if isinstance(count, int) and kind[0] != "_"}
        hints = (*self._hints, *self._further_hints())
        return CorpusIssues(skipped=tuple(self.skipped), hints=hints, left_out=dict(+self.left_out), **counts)

    def _further_hints(self) -> list[str]:
        hints = []
        if self._labelled_documents and not self._facts:
            hints.append("has labels, but no gold fact, so there is nothing to score")
        if self.misnamed_mentions > _SUSPICIOUS_SHARE * self._mentions:
            hints.append(
                f"{self.misnamed_mentions:,} of {self._mentions:,} mentions have a name that is not what stands at "
                "their words; words are numbered from 0 in each sentence, and the end is one past the last word"
            )
        if self.cut_mentions > _SUSPICIOUS_SHARE * self._mentions:
            hints.append(
                f"{self.cut_mentions:,} of {self._mentions:,} mentions begin or end inside a word; characters are "
                "numbered from 0, and the end is one past the last character"
            )
        for name, count in self._suspicious_names.items():
            hints.append(
                f'{count:,} facts have the relation "{name}", which is learned and scored like any other; if it means '
                "that no relation holds, give it id 0 in rel2id.json, or leave these facts out"
            )
        return hints


def without_negatives(document: Document, *, negatives: Set[str]) -> Document:
    """Return a document without the labels that say that no relation holds."""
    if document.facts is None or negatives.isdisjoint(fact.relation for fact in document.facts):
        return document
    return replace(document, facts=tuple(fact for fact in document.facts if fact.relation not in negatives))


def log_issues(path: Path, *, documents: int, issues: CorpusIssues) -> None:
    """Log a warning for each kind of issue of a file; `documents` is the number of documents read."""
    for problem in issues.skipped:
        logger.warning("document skipped: %s", problem)
    if issues.skipped_documents:
        logger.warning("%s: %d documents skipped, %d read", path, issues.skipped_documents, documents)
    for count, description in (
        (issues.duplicate_documents, "documents with the text of an earlier one"),
        (issues.duplicate_facts, "facts merged with one of the same subject, object and relation (the first is kept)"),
        (issues.unmentioned_facts, "facts left out, because one of their entities has no mention"),
        (issues.negative_labels, "labels left out, because they say that no relation holds"),
        (issues.self_relations, "facts from an entity to itself, which have no pair"),
        (issues.unclassified_facts, "facts of pairs that the corpus does not classify"),
        (issues.skipped_relations, "relations and events left out, because they do not have two ends"),
        *((count, f"{kind} left out") for kind, count in issues.left_out.items()),
    ):
        if count:
            logger.warning("%s: %d %s", path, count, description)
    for hint in issues.hints:
        logger.warning("%s: %s", path, hint)
