"""Every fact that is gold or was submitted, once, with what is needed to score it: all scores are sums over this."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.errors import AtlopError
from atlop.schema import Document, Fact, NameTriple

CORRECT, SUBMITTED, GOLD, SEEN = range(4)
"""What the last axis of an array of counts holds; seen are correct facts that training has seen."""


@dataclass(frozen=True)
class FactTable:
    """A row for each distinct fact of each document, those of a document together, in the order of the corpus."""

    documents: int
    """Number of documents, those without a fact included."""
    relations: tuple[str, ...]
    """Relation ids, in order of first appearance."""
    document: NDArray[np.int64]
    """Index of the document, `[facts]`, ascending."""
    subject: NDArray[np.int64]
    """Index of the subject among the document's entities, `[facts]`."""
    object: NDArray[np.int64]
    """Index of the object, `[facts]`."""
    relation: NDArray[np.int64]
    """Index among `relations`, `[facts]`."""
    is_counted: NDArray[np.bool_]
    """Whether the fact is correct, submitted, gold and seen, `[facts, 4]`."""
    evidence: NDArray[np.int64]
    """Number of its sentence ids that are correct, submitted and gold, `[facts, 3]`."""
    unknown: int
    """Distinct submitted facts under titles that no document has; they have no row."""
    has_train_facts: bool
    """Whether it is known which facts training has seen."""

    def totals(self) -> NDArray[np.int64]:
        """Return how many facts are correct, submitted, gold and seen, those under unknown titles included, `[4]`."""
        counts: NDArray[np.int64] = self.is_counted.sum(axis=0)
        counts[SUBMITTED] += self.unknown
        return counts

    def counts(self, group: NDArray[np.int64] | None = None, *, groups: int = 1) -> NDArray[np.int64]:
        """Return how many facts of each document are correct, submitted, gold and seen, by group.

        Args:
            group: Index of each fact's group, `[facts]`; all are in one group where not given.
            groups: Number of groups.

        Returns:
            `[documents, groups, 4]`.
        """
        place = self.document if group is None else self.document * groups + group
        columns = [np.bincount(place[column], minlength=self.documents * groups) for column in self.is_counted.T]
        return np.stack(columns, axis=-1).reshape(self.documents, groups, len(columns))


def fact_table(
    documents: Sequence[Document],
    *,
    predictions: Sequence[Collection[Fact]],
    train_facts: Set[NameTriple] | None,
    unknown: int = 0,
) -> FactTable:
    """Hold predicted facts against the labels of their documents.

    Args:
        documents: Labelled documents.
        predictions: Facts of each document, in the order of the documents; of facts with the same key the first stays.
        train_facts: Facts of the train set by name, for Ign F1; `None` leaves Ign F1 out.
        unknown: Number of distinct facts submitted under titles that no document has.

    Raises:
        AtlopError: A document has no labels, or there are not as many predictions as documents.
    """
    if len(predictions) != len(documents):
        raise AtlopError(f"predictions for {len(predictions)} documents, but {len(documents)} to score; give one each")
    relations: dict[str, int] = {}
    rows: list[tuple[int, ...]] = []
    for index, (document, predicted) in enumerate(zip(documents, predictions, strict=True)):
        if document.facts is None:
            raise AtlopError(
                f'document {index} ("{document.title}"): has no labels to score against; give a labelled file'
            )
        gold = {fact.key: set(fact.evidence) for fact in document.facts}
        submitted = {fact.key: set(fact.evidence) for fact in reversed(list(predicted))}  # the first stays
        for key in gold | submitted:
            subject, object_, relation = key
            correct = key in gold and key in submitted
            seen = correct and train_facts is not None and _is_seen(key, document=document, train_facts=train_facts)
            place = index, subject, object_, relations.setdefault(relation, len(relations))
            expected, found = gold.get(key, set()), submitted.get(key, set())
            evidence = len(expected & found) if correct else 0, len(found), len(expected)
            rows.append((*place, correct, key in submitted, key in gold, seen, *evidence))
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
    )


def _is_seen(key: tuple[int, int, str], *, document: Document, train_facts: Set[NameTriple]) -> bool:
    subject, object_, relation = key
    subjects = {mention.name for mention in document.entities[subject].mentions}
    objects = {mention.name for mention in document.entities[object_].mentions}
    return any((name, other, relation) in train_facts for name in subjects for other in objects)
