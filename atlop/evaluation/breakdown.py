"""Facts in groups: within one sentence and across, by mentions, by distance, by relation; and means over relations.

Each group is scored like the whole: its precision rests on the submitted facts of the group, its recall on the gold
facts of the group. What a fact's group is depends on its pair and its relation alone, never on who found it.
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

Kind = Literal["all", "sentences", "mentions", "distance", "relations", "macro"]
"""What groups go by. Of `all` there is one."""

MENTION_BOUNDS = (3, 4, 5, 9, 17)
"""Where the groups by mentions of both entities begin; before the first one there are two."""
DISTANCE_BOUNDS = (5, 10, 25, 50, 100)
"""Where the groups by words between the closest mentions begin, after the one that begins at 0."""
RARE = (500, 200, 100)
"""Macro scores are also taken over the relations with fewer train facts than this."""


@dataclass(frozen=True)
class Group:
    """One row of a breakdown."""

    kind: Kind
    label: str
    """Such as `within`, `5-9` or a relation id."""


class Breakdown:
    """The groups of a labelled corpus's facts; any results on it fall into them alike."""

    def __init__(
        self,
        documents: Sequence[Document],
        *,
        tables: Sequence[FactTable],
        train_frequency: Mapping[str, int] | None = None,
    ):
        """Find the groups.

        Args:
            documents: The corpus.
            tables: Results on it, one at least.
            train_frequency: Train facts of each relation; without it, there is no macro score of rare relations.
        """
        self._documents = documents
        self._train_frequency = train_frequency
        first = tables[0]  # the gold facts are the same in all
        gold = Counter(first.relations[relation] for relation in first.relation[first.is_counted[:, GOLD]].tolist())
        found = {relation for table in tables for relation in table.relations}
        self.relations = tuple(sorted(found, key=lambda relation: (-gold[relation], relation)))
        """Every relation that is gold or found, the most frequent first."""
        self._labels: dict[Kind, tuple[str, ...]] = {
            "all": ("all",),
            "sentences": ("within", "across"),
            "mentions": _labels(2, MENTION_BOUNDS),
            "distance": _labels(0, DISTANCE_BOUNDS),
            "relations": self.relations,
        }
        self.groups = tuple(Group(kind, label) for kind, labels in self._labels.items() for label in labels)
        """Groups of facts, in the order of `counts`."""
        self.rows = (*self.groups, *(Group("macro", label) for label in self._averaged))
        """Groups of facts and the means over relations, in the order of `measures`."""

    def counts(self, table: FactTable) -> NDArray[np.int64]:
        """Return how many facts of each group are correct, submitted, gold and seen in each document.

        Returns:
            `[documents, groups, 4]`; facts under unknown titles are in none.
        """
        within, mentions, distance = _places(table, documents=self._documents)
        number_of = {relation: number for number, relation in enumerate(self.relations)}
        relation = np.array([number_of[relation] for relation in table.relations], dtype=np.int64)[table.relation]
        group_of: dict[Kind, NDArray[np.int64]] = {
            "all": np.zeros_like(within),
            "sentences": 1 - within,
            "mentions": np.searchsorted(MENTION_BOUNDS, mentions, side="right"),
            "distance": np.searchsorted(DISTANCE_BOUNDS, distance, side="right"),
            "relations": relation,
        }
        return np.concatenate(
            [table.counts(group, groups=len(self._labels[kind])) for kind, group in group_of.items()], axis=1
        )

    def compute_metrics(self, counts: NDArray[Any], *, unknown: int) -> NDArray[np.float64]:
        """Return F1, precision, recall, Ign F1 and its precision of every row.

        Args:
            counts: Facts that are correct, submitted, gold and seen, summed over documents, `[..., groups, 4]`.
            unknown: Facts under unknown titles; they are submitted and wrong in the whole, and in no other group.

        Returns:
            `[..., rows, 5]`. A mean is over the relations that have a gold fact here; 0 where there is none.
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
        """Return over how many relations a mean is taken, from counts `[groups, 4]`."""
        has_gold = counts[len(self.groups) - len(self.relations) :, GOLD] > 0
        return int((has_gold & self._averaged[label]).sum())

    @cached_property
    def _averaged(self) -> dict[str, NDArray[np.bool_]]:
        """Which relations each mean may be over, `[relations]`."""
        averaged = {"all": np.ones(len(self.relations), dtype=bool)}
        if self._train_frequency is not None:
            frequency = np.array([self._train_frequency.get(relation, 0) for relation in self.relations])
            averaged |= {f"below {most}": frequency < most for most in RARE}
        return averaged


def _places(
    table: FactTable, *, documents: Sequence[Document]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return of each fact's pair whether it is within a sentence, its mentions, and its distance, each `[facts]`."""
    found = np.zeros((3, len(table.document)), dtype=np.int64)
    ends = np.searchsorted(table.document, np.arange(table.documents), side="right").tolist()
    first = 0
    for document, end in zip(documents, ends, strict=True):
        if end > first:
            places, rows = pair_statistics(document), slice(first, end)
            pair = table.subject[rows], table.object[rows]
            found[:, rows] = places.within[pair], places.mentions[pair], places.distance[pair]
        first = end
    within, mentions, distance = found
    return within, mentions, distance


def _labels(first: int, bounds: Sequence[int]) -> tuple[str, ...]:
    """Return what groups are called: `2`, `5-8`, and `17+` at the end."""
    starts = [first, *bounds]
    closed = [
        str(start) if start == end - 1 else f"{start}-{end - 1}" for start, end in zip(starts, bounds, strict=False)
    ]
    return (*closed, f"{starts[-1]}+")
