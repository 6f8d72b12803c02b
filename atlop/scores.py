"""Scores of documents, and the rule that turns them into facts."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.decoding import PLAIN, Decision, decoded_facts
from atlop.errors import AtlopError
from atlop.model import AtlopModel, EntityAttention
from atlop.objectives import Objective, make_objective
from atlop.ops import limits_for
from atlop.preprocessing import copy_to
from atlop.schema import Fact, RelationVocabulary

Pair: TypeAlias = tuple[int, int]
"""Indices of subject and object."""


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """Scores of every pair of one document."""

    index: int
    """Index of the document in its corpus."""
    pairs: NDArray[np.int32]
    """Subject and object of each pair, `[pairs, 2]`; only one of the two orders if the document is undirected."""
    scores: Tensor
    """`[pairs, classes]`, float32, on the CPU; class 0 is TH. The mean of both orders if the document is undirected."""
    evidence: Tensor | None = None
    """Share of each sentence in the localized context of each pair, float32 `[pairs, sentences]`, on the CPU; without
    columns for truncated sentences. `None` for a model whose pairs have no context."""
    decisions: Tensor | None = None
    """Relations that hold, bool `[pairs, classes]`, on the CPU, if a rule decided on the model's device."""
    pseudo_margins: Tensor | None = None
    """Largest margin of each triple in the pseudo documents that have both entities, float32 `[pairs, classes]`, on the
    CPU; −∞ for pairs that none has, and for TH. `None` unless they were scored."""
    pseudo_words: tuple[int, ...] = ()
    """Number of words of each of its pseudo documents that were scored."""
    attention: EntityAttention | None = None
    """Attention of the document's entities, on the model's device; `None` unless requested, and for a model whose pairs
    have no context."""

    def to_keep(self) -> "DocumentScores":
        """Return a copy in memory of its own; without, a document keeps its whole batch, and takes it along."""
        copied = {
            name: value.clone()
            for name in ("scores", "evidence", "decisions")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **copied)


@dataclass(frozen=True, slots=True)
class UnscoredDocument:
    """A document that the model cannot score."""

    index: int
    """Index of the document in its corpus."""
    title: str
    problem: str
    """What is wrong, and what to do."""

    @property
    def reason(self) -> str:
        """The problem, after the name of the document."""
        return f'document {self.index} ("{self.title}"): {self.problem}'


def all_scored(tried: Iterable[DocumentScores | UnscoredDocument]) -> Iterator[DocumentScores]:
    """Yield scores.

    Raises:
        AtlopError: A document cannot be scored; it is named.
    """
    for each in tried:
        if isinstance(each, UnscoredDocument):
            raise AtlopError(each.reason)
        yield each


@dataclass(frozen=True)
class DecisionRule:
    """Turns scores into facts."""

    objective: Objective
    vocabulary: RelationVocabulary
    max_relations: int
    """Maximum number of relations per pair (k)."""
    decision: Decision = PLAIN
    """Which margins are facts, and which shares evidence; `plain` is the objective's own rule."""

    @classmethod
    def from_model(cls, model: AtlopModel, *, decision: Decision | None = None) -> "DecisionRule":
        """Return the rule of a model's objective; the decision is by default the one stored with the model."""
        config, objective = model.config, model.config.model.objective
        return cls(
            make_objective(objective),
            vocabulary=config.vocabulary,
            max_relations=objective.max_relations,
            decision=decision or config.stored_decision,
        )

    @cached_property
    def thresholds(self) -> Tensor | None:
        """Margin that each class must exceed, float32 `[classes]`; `None` is the objective's own rule."""
        thresholds = self.decision.thresholds(self.vocabulary)
        return None if thresholds is None else torch.from_numpy(thresholds)

    def decide(self, scores: Tensor) -> Tensor:
        """Return the relations that hold, bool `[pairs, classes]`, for scores on any device."""
        thresholds = None if self.thresholds is None else copy_to(self.thresholds, scores.device)
        chunks = [
            self.objective.decide(chunk, max_relations=self.max_relations, thresholds=thresholds)
            for chunk in scores.split(limits_for(scores.device).pairs)
        ]
        return torch.cat(chunks)

    def largest(self, scores: Tensor) -> Tensor:
        """Return which relations are among the k largest of their pair, whatever their margin, `[pairs, classes]`."""
        thresholds = torch.full((scores.shape[1],), -torch.inf, device=scores.device)
        return self.objective.decide(scores, max_relations=self.max_relations, thresholds=thresholds)

    def decisions(self, scored: DocumentScores) -> NDArray[np.bool_]:
        """Return the relations that hold in a document, `[pairs, classes]`; fused scores if it decides by fusion."""
        is_fused = scored.pseudo_margins is not None
        assert is_fused or self.decision.use != "fusion", "pseudo documents were scored"
        decisions = self.decide(scored.scores) if scored.decisions is None else scored.decisions
        return np.asarray(decisions)

    def facts(self, scored: DocumentScores) -> tuple[Fact, ...]:
        """Return the facts of one document with their evidence, pair by pair; fused scores if it decides by fusion."""
        evidence = None if scored.evidence is None else scored.evidence > self.decision.evidence_threshold
        return decoded_facts(
            self.decisions(scored),
            pairs=scored.pairs,
            vocabulary=self.vocabulary,
            evidence=None if evidence is None else evidence.numpy(),
        )

    def evidence(self, scored: DocumentScores, *, pairs: Collection[Pair]) -> dict[Pair, tuple[int, ...]] | None:
        """Return the evidence of those of some pairs that are scored; `None` for a model without localized context."""
        if scored.evidence is None:
            return None
        rows = [row for row, pair in enumerate(map(tuple, scored.pairs.tolist())) if pair in pairs]
        is_evidence = (scored.evidence[rows] > self.decision.evidence_threshold).numpy()
        keys = map(tuple, scored.pairs[rows].tolist())
        return {pair: tuple(np.flatnonzero(each).tolist()) for pair, each in zip(keys, is_evidence, strict=True)}
