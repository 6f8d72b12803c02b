"""A table of all gold and submitted facts, from which all scores are computed."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.errors import AtlopError
from atlop.evaluation.evidence import PairEvidence, pair_evidence_counts
from atlop.schema import Document, Fact, NameTriple

CORRECT, SUBMITTED, GOLD, SEEN = range(4)
"""Indices into the last axis of an array of counts; seen facts are correct ones that are also train facts."""


@dataclass(frozen=True)
class FactTable:
    """One row per distinct fact, ordered by document."""

    documents: int
    """Number of documents, including those without facts."""
    relations: tuple[str, ...]
    """Relation ids, in order of first appearance."""
    document: NDArray[np.int64]
    """Document index, ascending, `[facts]`."""
    subject: NDArray[np.int64]
    """Entity index of the subject, `[facts]`."""
    object: NDArray[np.int64]
    """Entity index of the object, `[facts]`."""
    relation: NDArray[np.int64]
    """Index into `relations`, `[facts]`."""
    is_counted: NDArray[np.bool_]
    """Whether each fact is correct, submitted, gold and seen, `[facts, 4]`."""
    evidence: NDArray[np.int64]
    """Numbers of correct, submitted and gold sentence ids, `[facts, 3]`."""
    unknown: int
    """Number of distinct submitted facts under unknown titles; they have no row."""
    has_train_facts: bool
    """Whether train facts were given, so that seen facts are known."""
    pair_evidence: NDArray[np.int64] | None = None
    """Numbers of correct, found and gold sentences of the pairs with annotated evidence, and 0, `[documents, 4]`;
    `None` if only the evidence of facts is known."""

    def totals(self) -> NDArray[np.int64]:
        """Return the numbers of correct, submitted (under unknown titles too), gold and seen facts, `[4]`."""
        counts: NDArray[np.int64] = self.is_counted.sum(axis=0)
        counts[SUBMITTED] += self.unknown
        return counts

    def evidence_counts(self) -> NDArray[np.int64]:
        """Return the numbers of correct, submitted and gold sentence ids per document, by group.

        Returns:
            `[documents, 2 or 3, 4]`; the last column is 0. The first group is all facts, as the leaderboard counts. The
            second leaves out correct facts without annotated evidence, for which any sentence counts as wrong. The
            third, if it is known, is the pairs with annotated evidence.
        """
        is_annotated = ~(self.is_counted[:, GOLD] & (self.evidence[:, GOLD] == 0))
        counts = np.zeros((self.documents, 2, 4), dtype=np.int64)
        np.add.at(counts[:, 0, :SEEN], self.document, self.evidence)
        np.add.at(counts[:, 1, :SEEN], self.document[is_annotated], self.evidence[is_annotated])
        return counts if self.pair_evidence is None else np.append(counts, self.pair_evidence[:, None], axis=1)

    def counts(self, group: NDArray[np.int64] | None = None, *, groups: int = 1) -> NDArray[np.int64]:
        """Return the numbers of correct, submitted, gold and seen facts per document and group.

        Args:
            group: Group index of each fact, `[facts]`; one group by default.
            groups: Number of groups.

        Returns:
            `[documents, groups, 4]`.
        """
        cell = self.document if group is None else self.document * groups + group
        columns = [np.bincount(cell[column], minlength=self.documents * groups) for column in self.is_counted.T]
        return np.stack(columns, axis=-1).reshape(self.documents, groups, len(columns))


def fact_table(
    documents: Sequence[Document],
    *,
    predictions: Sequence[Collection[Fact]],
    train_facts: Set[NameTriple] | None,
    unknown: int = 0,
    pair_evidence: Sequence[PairEvidence] | None = None,
) -> FactTable:
    """Compare predicted facts with the gold facts of their documents.

    Args:
        documents: Labelled documents.
        predictions: Facts of each document, in the order of `documents`; of duplicates the first counts.
        train_facts: Train facts by name, for Ign F1; `None` omits Ign F1.
        unknown: Number of distinct facts submitted under unknown titles.
        pair_evidence: Evidence of each document's pairs, whether they have a fact or not, if it is known.

    Raises:
        AtlopError: A document has no labels, or the numbers of predictions and documents differ.
    """
    if len(predictions) != len(documents):
        raise AtlopError(
            f"predictions for {len(predictions)} documents, but {len(documents)} to score; expected one each"
        )
    relations: dict[str, int] = {}
    rows: list[tuple[int, ...]] = []
    for index, (document, predicted) in enumerate(zip(documents, predictions, strict=True)):
        if document.facts is None:
            raise AtlopError(
                f'document {index} ("{document.title}"): has no labels to score against; give a labelled file'
            )
        gold = {fact.key: fact.evidence for fact in document.facts}
        submitted = {fact.key: set(fact.evidence) for fact in reversed(list(predicted))}  # the first of duplicates wins
        for key in gold | submitted:
            subject, object_, relation = key
            correct = key in gold and key in submitted
            seen = correct and train_facts is not None and _is_seen(key, document=document, train_facts=train_facts)
            indices = index, subject, object_, relations.setdefault(relation, len(relations))
            expected, found = gold.get(key, ()), submitted.get(key, set())  # the leaderboard counts repeated gold ids
            evidence = len(found.intersection(expected)) if correct else 0, len(found), len(expected)
            rows.append((*indices, correct, key in submitted, key in gold, seen, *evidence))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 11)
    return FactTable(
        documents=len(documents),
        relations=tuple(relations),
        document=columns[:, 0],
        subject=columns[:, 1],
        object=columns[:, 2],
        relation=columns[:, 3],
        is_counted=columns[:, 4:8].astype(bool),
        evidence=columns[:, 8:],
        unknown=unknown,
        has_train_facts=train_facts is not None,
        pair_evidence=None if pair_evidence is None else pair_evidence_counts(documents, pair_evidence),
    )


def _is_seen(key: tuple[int, int, str], *, document: Document, train_facts: Set[NameTriple]) -> bool:
    subject, object_, relation = key
    subjects = {mention.name for mention in document.entities[subject].mentions}
    objects = {mention.name for mention in document.entities[object_].mentions}
    return any((name, other, relation) in train_facts for name in subjects for other in objects)
