"""Candidates: the relations of each pair that a decision rule could find, and whether they are correct."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from atlop.decoding import Decision, fused_margin
from atlop.errors import AtlopError
from atlop.files import atomic_path, reading
from atlop.parsing import json_value
from atlop.schema import Document, Fact, RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores

_COLUMNS = ("document", "subject", "object", "class_id", "margin", "correct")


@dataclass(frozen=True)
class Candidates:
    """The relations with the k largest scores of each pair, before any threshold."""

    relations: tuple[str, ...]
    """Relation ids in the order of their class ids 1, 2, …"""
    document: NDArray[np.int64]
    """Document index, ascending, `[candidates]`."""
    subject: NDArray[np.int64]
    """Entity index of the subject, `[candidates]`."""
    object: NDArray[np.int64]
    """Entity index of the object, `[candidates]`."""
    class_id: NDArray[np.int64]
    """Class id, `[candidates]`; never 0 (TH)."""
    margin: NDArray[np.float32]
    """Margin by `Objective.margins`, `[candidates]`."""
    correct: NDArray[np.bool_]
    """Whether the candidate is a gold fact, `[candidates]`."""
    gold: NDArray[np.int64]
    """Number of gold facts, candidates or not, `[documents]`."""
    pseudo_margin: NDArray[np.float32] | None = None
    """Largest margin in pseudo documents, `[candidates]`; −∞ where none has the pair, `None` if none were scored."""
    evidence: NDArray[np.int64] | None = None
    """Document, subject, object and sentence of the evidence of all pairs, `[evidence, 4]`; `None` for a model without
    localized context."""

    def save(self, path: Path) -> None:
        """Write the candidates as safetensors, atomically."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "relations"}
        arrays = {name: value for name, value in values.items() if value is not None}
        with atomic_path(path) as temporary:
            save_file(arrays, temporary, metadata={"relations": json.dumps(self.relations)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            AtlopError: The file is missing, not readable, or something else.
        """
        try:
            with reading(path), safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
                candidates = cls(
                    relations=tuple(json_value((file.metadata() or {})["relations"], where=str(path))), **arrays
                )
                candidates._check()
                return candidates
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise AtlopError(f"{path}: not a readable file of candidates ({error}); remove it") from None

    def _check(self) -> None:
        """Check types, sizes and indices.

        Raises:
            ValueError: One is wrong.
        """
        columns: list[NDArray[Any]] = [getattr(self, name) for name in _COLUMNS]
        found = [str(column.dtype) for column in (*columns, self.gold)]
        if found != ["int64", "int64", "int64", "int64", "float32", "bool", "int64"]:
            raise ValueError("a column has another type")
        if self.gold.ndim != 1 or {column.shape for column in columns} != {(self.document.size,)}:
            raise ValueError("columns have different lengths")
        if self.pseudo_margin is not None and (
            self.pseudo_margin.dtype != np.float32
            or self.pseudo_margin.shape != self.margin.shape
            or not (self.pseudo_margin < np.inf).all()
        ):
            raise ValueError("a margin of pseudo documents is wrong")
        if self.evidence is not None and (
            self.evidence.dtype != np.int64
            or self.evidence.shape[1:] != (4,)
            or not ((self.evidence >= 0).all() and (self.evidence[:, 0] < len(self.gold)).all())
        ):
            raise ValueError("evidence is wrong")
        if set(map(type, self.relations)) != {str} or not np.isfinite(self.margin).all():
            raise ValueError("a relation is not a name, or a margin is not finite")
        indices = np.concatenate([self.subject, self.object, self.gold, np.diff(self.document)])
        if (
            (indices < 0).any()
            or not ((self.class_id >= 1) & (self.class_id <= len(self.relations))).all()
            or not ((self.document >= 0) & (self.document < len(self.gold))).all()
        ):
            raise ValueError("an index is out of range")

    def decide(self, thresholds: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which candidates exceed their threshold, bool `[candidates]`.

        Args:
            thresholds: Threshold for the margin of each class, `[classes]`.
        """
        return self.margin > thresholds[self.class_id]

    def select(self, selected: NDArray[np.bool_]) -> Self:
        """Return the candidates of some documents, `[documents]`; the others are left without candidates and gold."""
        rows = selected[self.document]
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        pseudo = None if self.pseudo_margin is None else self.pseudo_margin[rows]
        return replace(self, **columns, pseudo_margin=pseudo, gold=np.where(selected, self.gold, 0))

    def counts(self, accepted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the numbers of correct, submitted and gold facts, and 0, of each document, `[documents, 4]`."""
        found, documents = self.document[accepted], len(self.gold)
        correct = np.bincount(found[self.correct[accepted]], minlength=documents)
        submitted = np.bincount(found, minlength=documents)
        return np.stack([correct, submitted, self.gold, np.zeros_like(self.gold)], axis=1)

    def fused_margin(self, *, weight: float, missing: float) -> NDArray[np.float32]:
        """Return the margins fused with those of pseudo documents, `[candidates]`; see `Fusion`."""
        assert self.pseudo_margin is not None, "pseudo documents were scored"
        return fused_margin(self.margin, self.pseudo_margin, weight=weight, missing=missing)

    def accepted(self, decision: Decision) -> NDArray[np.bool_]:
        """Return which candidates are facts by a decision, `[candidates]`."""
        if decision.use == "fusion" and (fusion := decision.fusion) is not None:
            fused = self.fused_margin(weight=fusion.weight, missing=fusion.missing)
            return fused > np.float32(fusion.threshold)
        thresholds = decision.thresholds(RelationVocabulary(self.relations, {}))
        return self.margin > 0 if thresholds is None else self.decide(thresholds)

    def f1(self, accepted: NDArray[np.bool_]) -> float:
        """Return micro-averaged F1, from 0 to 1, of some candidates, `[candidates]`."""
        return micro_f1(int(self.correct[accepted].sum()), int(accepted.sum()), int(self.gold.sum()))

    def facts(self, accepted: NDArray[np.bool_]) -> list[tuple[Fact, ...]]:
        """Return some candidates, `[candidates]`, as facts of each document, ordered by pair and class."""
        facts: list[list[Fact]] = [[] for _ in self.gold]
        evidence = self.pair_evidence()
        for row in np.flatnonzero(accepted):
            document, pair = self.document[row], (int(self.subject[row]), int(self.object[row]))
            relation = self.relations[self.class_id[row] - 1]
            facts[document].append(Fact(*pair, relation, evidence=tuple(evidence[document].get(pair, ()))))
        return [tuple(document_facts) for document_facts in facts]

    def pair_evidence(self) -> list[dict[tuple[int, int], list[int]]]:
        """Return the evidence of the pairs that have some, of each document."""
        found: list[dict[tuple[int, int], list[int]]] = [{} for _ in self.gold]
        for document, subject, object_, sentence in [] if self.evidence is None else self.evidence.tolist():
            found[document].setdefault((subject, object_), []).append(sentence)
        return found


def micro_f1(correct: int, found: int, gold: int) -> float:
    """Return F1 from counts; 0 if nothing is found and nothing is gold."""
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
        documents: The labelled corpus.
        rule: Supplies margins, the limit of relations per pair and the threshold of evidence; its other thresholds are
            ignored.

    Raises:
        AtlopError: A document has no labels.
    """
    objective, vocabulary = rule.objective, rule.vocabulary
    chunks, pseudo, evidence = [], [], []
    for item in sorted(scored, key=lambda item: item.index):
        kept = rule.largest(item.scores)
        rows, classes = (axis.numpy() for axis in kept.nonzero(as_tuple=True))
        subjects, objects = item.pairs[rows].T
        positives = _gold(documents[item.index], vocabulary=vocabulary)
        keys = zip(subjects.tolist(), objects.tolist(), classes.tolist(), strict=True)
        chunks.append(
            (
                np.full(len(rows), item.index),
                subjects.astype(np.int64),
                objects.astype(np.int64),
                classes,
                objective.margins(item.scores)[kept].numpy(),
                np.fromiter((key in positives for key in keys), dtype=np.bool_, count=len(rows)),
            )
        )
        if item.pseudo_margins is not None:
            pseudo.append(item.pseudo_margins[kept].numpy())
        if item.evidence is not None:
            is_evidence = (item.evidence > rule.decision.evidence_threshold).numpy()
            evidence.append([(item.index, *item.pairs[row], sentence) for row, sentence in np.argwhere(is_evidence)])
    empty = [np.zeros(0, dtype=dtype) for dtype in (np.int64, np.int64, np.int64, np.int64, np.float32, np.bool_)]
    columns = (np.concatenate(column) for column in zip(empty, *chunks, strict=True))
    gold = np.array([len({fact.key for fact in document.facts or ()}) for document in documents], dtype=np.int64)
    document, subject, object_, class_id, margin, correct = columns
    return Candidates(
        vocabulary.relations,
        document,
        subject,
        object_,
        class_id,
        margin,
        correct,
        gold,
        pseudo_margin=np.concatenate(pseudo) if pseudo else None,
        evidence=np.array([*chain(*evidence)], np.int64).reshape(-1, 4) if evidence else None,
    )


def _gold(document: Document, *, vocabulary: RelationVocabulary) -> set[tuple[int, int, int]]:
    """Return subject, object and class of the gold facts with known relations."""
    if document.facts is None:
        raise AtlopError(f'document "{document.title}": has no labels to calibrate with; give a labelled file')
    return {
        (fact.subject, fact.object, vocabulary.class_of(fact.relation))
        for fact in document.facts
        if fact.relation in vocabulary
    }
