"""What thresholds are chosen from: the relations of each pair that a decision could find, and which of them hold."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from atlop.errors import AtlopError
from atlop.files import atomic_path
from atlop.prediction import DecisionRule, DocumentScores
from atlop.schema import Document, Fact, RelationVocabulary


@dataclass(frozen=True)
class Candidates:
    """The relations of all pairs that are among their pair's k largest scores, whatever the threshold: few of many."""

    relations: tuple[str, ...]
    """Relation ids in the order of their class ids 1, 2, …"""
    document: NDArray[np.int64]
    """Index of each candidate's document, ascending, `[candidates]`."""
    subject: NDArray[np.int64]
    """Entity of each candidate, `[candidates]`."""
    object: NDArray[np.int64]
    """Entity of each candidate, `[candidates]`."""
    class_id: NDArray[np.int64]
    """Class of each candidate, `[candidates]`; never 0."""
    margin: NDArray[np.float32]
    """How far the candidate is above what its objective compares it with, `[candidates]`."""
    correct: NDArray[np.bool_]
    """Whether the document lists the candidate as a fact, `[candidates]`."""
    gold: NDArray[np.int64]
    """Facts of each document, those that are no candidate included, `[documents]`."""

    def save(self, path: Path) -> None:
        """Write the candidates as safetensors, whole or not at all."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "relations"}
        with atomic_path(path) as temporary:
            save_file(arrays, temporary, metadata={"relations": json.dumps(self.relations)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            AtlopError: The file is missing, not readable, or holds something else.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
                return cls(relations=tuple(json.loads((file.metadata() or {})["relations"])), **arrays)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise AtlopError(f"{path}: holds no stored scores that can be read ({error}); remove it") from None

    def select_documents(self, chosen: NDArray[np.int64]) -> "Candidates":
        """Return the candidates of some documents, which are counted from 0 in the order given.

        Args:
            chosen: Distinct document indices, ascending.
        """
        kept = np.isin(self.document, chosen)
        return Candidates(
            relations=self.relations,
            document=np.searchsorted(chosen, self.document[kept]),
            subject=self.subject[kept],
            object=self.object[kept],
            class_id=self.class_id[kept],
            margin=self.margin[kept],
            correct=self.correct[kept],
            gold=self.gold[chosen],
        )

    def decide(self, thresholds: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which candidates a decision finds, `[candidates]`.

        Args:
            thresholds: Margin that each class must exceed, `[classes]`.
        """
        return self.margin > thresholds[self.class_id]

    def f1(self, thresholds: NDArray[np.float32]) -> float:
        """Return micro-averaged F1 of the facts that a decision finds, from 0 to 1."""
        found = self.decide(thresholds)
        return micro_f1(int(self.correct[found].sum()), int(found.sum()), int(self.gold.sum()))

    def facts(self, thresholds: NDArray[np.float32]) -> list[tuple[Fact, ...]]:
        """Return the facts of each document that a decision finds, in the order of its pairs and classes."""
        facts: list[list[Fact]] = [[] for _ in self.gold]
        for row in np.flatnonzero(self.decide(thresholds)):
            relation = self.relations[self.class_id[row] - 1]
            fact = Fact(subject=int(self.subject[row]), object=int(self.object[row]), relation=relation)
            facts[self.document[row]].append(fact)
        return [tuple(of_document) for of_document in facts]


def micro_f1(correct: int, found: int, gold: int) -> float:
    """Return F1 from counts, 0 where nothing is found and nothing is to be found."""
    return 2 * correct / (found + gold) if found + gold else 0.0


def collect_candidates(
    scored: Iterable[DocumentScores],
    *,
    documents: Sequence[Document],
    rule: DecisionRule,
) -> Candidates:
    """Collect the candidates of a labelled corpus.

    Args:
        scored: Scores of each document, in any order.
        documents: The corpus, labelled.
        rule: Whose margins and k-largest rule count; its thresholds do not.

    Raises:
        AtlopError: A document has no labels.
    """
    objective, vocabulary = rule.objective, rule.vocabulary
    everything = torch.full((vocabulary.classes,), -torch.inf)
    parts = []
    for each in sorted(scored, key=lambda item: item.index):
        kept = objective.decide(each.scores, max_relations=rule.max_relations, thresholds=everything)
        rows, classes = (indices.numpy() for indices in kept.nonzero(as_tuple=True))
        subjects, objects = each.pairs[rows].T
        gold = _gold(documents[each.index], vocabulary=vocabulary)
        keys = zip(subjects.tolist(), objects.tolist(), classes.tolist(), strict=True)
        parts.append(
            (
                np.full(len(rows), each.index),
                subjects.astype(np.int64),
                objects.astype(np.int64),
                classes,
                objective.margins(each.scores)[kept].numpy(),
                np.fromiter((key in gold for key in keys), dtype=np.bool_, count=len(rows)),
            )
        )
    nothing = [np.zeros(0, dtype=dtype) for dtype in (np.int64, np.int64, np.int64, np.int64, np.float32, np.bool_)]
    columns = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    document, subject, object_, class_id, margin, correct = columns
    return Candidates(
        relations=vocabulary.relations,
        document=document,
        subject=subject,
        object=object_,
        class_id=class_id,
        margin=margin,
        correct=correct,
        gold=np.array([len({fact.key for fact in document.facts or ()}) for document in documents], dtype=np.int64),
    )


def _gold(document: Document, *, vocabulary: RelationVocabulary) -> set[tuple[int, int, int]]:
    """Return subject, object and class of a document's facts of known relations."""
    if document.facts is None:
        raise AtlopError(f'document "{document.title}": has no labels to calibrate with; give a labelled file')
    return {
        (fact.subject, fact.object, vocabulary.class_of(fact.relation))
        for fact in document.facts
        if fact.relation in vocabulary
    }
