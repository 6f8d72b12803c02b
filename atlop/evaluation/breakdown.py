"""Groups of facts (within or across sentences, by mentions, distance and relation) and means over relations.

Each group has its own precision over its submitted facts and recall over its gold facts. The group of a fact depends
only on its pair and relation, so gold and submitted facts are grouped alike.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from atlop.evaluation.micro import compute_metrics
from atlop.evaluation.pairs import pair_statistics
from atlop.evaluation.table import GOLD, SUBMITTED, FactTable
from atlop.schema import Document

Kind = Literal["all", "sentences", "mentions", "distance", "evidence", "relations", "macro"]
"""Grouping criterion; `all` has a single group. Groups of `evidence` count sentence ids instead of facts."""

MENTION_BOUNDS = (3, 4, 5, 9, 17)
"""Lower bounds of the groups by mentions of both entities, after the one of 2 mentions."""
DISTANCE_BOUNDS = (5, 10, 25, 50, 100)
"""Lower bounds of the groups by words between the closest mentions, after the one from 0."""
RARE = (500, 200, 100)
"""Macro scores are also computed over relations with fewer train facts than each of these."""


@dataclass(frozen=True)
class Group:
    """One row of a breakdown."""

    kind: Kind
    label: str
    """For example `within`, `5-9` or a relation id."""


class Breakdown:
    """The groups of facts on a labelled corpus, shared by all results on it."""

    def __init__(
        self,
        documents: Sequence[Document],
        *,
        tables: Sequence[FactTable],
        train_frequency: Mapping[str, int] | None = None,
    ):
        """Define the groups.

        Args:
            documents: The corpus.
            tables: Results on it, at least one.
            train_frequency: Number of train facts per relation; without it, there are no scores of rare relations.
        """
        self._documents = documents
        self._has_pair_evidence = all(table.pair_evidence is not None for table in tables)
        self._train_frequency = train_frequency
        first = tables[0]  # all have the same gold facts
        gold = Counter(first.relations[relation] for relation in first.relation[first.is_counted[:, GOLD]].tolist())
        found = {relation for table in tables for relation in table.relations}
        self.relations = tuple(sorted(found, key=lambda relation: (-gold[relation], relation)))
        """Every gold or submitted relation, by descending number of gold facts."""
        self._labels: dict[Kind, tuple[str, ...]] = {
            "all": ("all",),
            "sentences": ("within", "across"),
            "mentions": _labels(2, MENTION_BOUNDS),
            "distance": _labels(0, DISTANCE_BOUNDS),
            "evidence": ("official", "annotated", *(["gold pairs"] if self._has_pair_evidence else [])),
            "relations": self.relations,
        }
        self.groups = tuple(Group(kind, label) for kind, labels in self._labels.items() for label in labels)
        """Groups of facts in the order of `counts`."""
        self.rows = (*self.groups, *(Group("macro", label) for label in self._averaged))
        """Groups of facts, then means over relations, in the order of `compute_metrics`."""

    def counts(self, table: FactTable) -> NDArray[np.int64]:
        """Return the numbers of correct, submitted, gold and seen facts per document and group.

        Returns:
            `[documents, groups, 4]`, without facts under unknown titles.
        """
        same_sentence, mentions, distance = _fact_statistics(table, documents=self._documents)
        relation_ids = np.array([self.relations.index(relation) for relation in table.relations], dtype=np.int64)
        group_ids: dict[Kind, NDArray[np.int64]] = {
            "all": np.zeros_like(same_sentence),
            "sentences": 1 - same_sentence,
            "mentions": np.searchsorted(MENTION_BOUNDS, mentions, side="right"),
            "distance": np.searchsorted(DISTANCE_BOUNDS, distance, side="right"),
            "relations": relation_ids[table.relation],
        }
        counts = {kind: table.counts(group, groups=len(self._labels[kind])) for kind, group in group_ids.items()}
        counts["evidence"] = table.evidence_counts()[:, : len(self._labels["evidence"])]
        return np.concatenate([counts[kind] for kind in self._labels], axis=1)

    def compute_metrics(self, counts: NDArray[Any], *, unknown: int) -> NDArray[np.float64]:
        """Return F1, precision, recall, Ign F1 and its precision for every row.

        Args:
            counts: Numbers of correct, submitted, gold and seen facts, summed over documents, `[..., groups, 4]`.
            unknown: Number of facts under unknown titles, which count as submitted and wrong in the group `all` only.

        Returns:
            `[..., rows, 5]`. A mean is over the relations with a gold fact; 0 if there are none.
        """
        counts = counts.copy()
        counts[..., 0, SUBMITTED] += unknown
        values = compute_metrics(counts)
        first = len(self.groups) - len(self.relations)
        has_gold = counts[..., first:, GOLD] > 0
        means = []
        for averaged in self._averaged.values():
            weight = (has_gold & averaged)[..., None]
            means.append((values[..., first:, :] * weight).sum(axis=-2) / np.maximum(weight.sum(axis=-2), 1))
        return np.concatenate([values, np.stack(means, axis=-2)], axis=-2)

    def macro_relations(self, label: str, counts: NDArray[Any]) -> int:
        """Return the number of relations that a mean is over, from counts `[groups, 4]`."""
        has_gold = counts[len(self.groups) - len(self.relations) :, GOLD] > 0
        return int((has_gold & self._averaged[label]).sum())

    @cached_property
    def _averaged(self) -> dict[str, NDArray[np.bool_]]:
        """The relations that each mean may include, `[relations]`."""
        averaged = {"all": np.ones(len(self.relations), dtype=bool)}
        if self._train_frequency is not None:
            frequency = np.array([self._train_frequency.get(relation, 0) for relation in self.relations])
            averaged |= {f"below {bound}": frequency < bound for bound in RARE}
        return averaged


def _fact_statistics(
    table: FactTable, *, documents: Sequence[Document]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return whether each fact's pair shares a sentence, its number of mentions and its distance, each `[facts]`."""
    same_sentence, mentions, distance = np.zeros((3, len(table.document)), dtype=np.int64)
    ends = np.searchsorted(table.document, np.arange(table.documents), side="right").tolist()
    start = 0
    for document, end in zip(documents, ends, strict=True):
        if end > start:
            statistics, rows = pair_statistics(document), slice(start, end)
            pairs = table.subject[rows], table.object[rows]
            same_sentence[rows] = statistics.same_sentence[pairs]
            mentions[rows] = statistics.mentions[pairs]
            distance[rows] = statistics.distance[pairs]
        start = end
    return same_sentence, mentions, distance


def _labels(first: int, bounds: Sequence[int]) -> tuple[str, ...]:
    """Return labels such as `2` and `5-8`, with `17+` at the end."""
    starts = [first, *bounds]
    closed = [
        str(start) if start == end - 1 else f"{start}-{end - 1}" for start, end in zip(starts, bounds, strict=False)
    ]
    return (*closed, f"{starts[-1]}+")
