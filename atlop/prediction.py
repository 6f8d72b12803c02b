"""Score documents and predict facts: the loop that training, evaluation and inference share."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import isfinite
from typing import NotRequired, TypeAlias, TypedDict, TypeVar, Unpack

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from accelerate.utils.memory import should_reduce_batch_size
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from atlop.config import Precision
from atlop.decoding import PLAIN, Decision, decoded_facts
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.model import AtlopModel, EntityAttention
from atlop.objectives import Objective, make_objective
from atlop.preprocessing import Features
from atlop.schema import Fact, RelationVocabulary

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Pair: TypeAlias = tuple[int, int]
"""Indices of subject and object."""
Progress = Callable[[Sequence[Item]], Iterable[Item]]
"""Wraps a sequence to show progress while it is iterated once, like `tqdm`."""

BAR_FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
"""tqdm's own, but always with documents a second rather than seconds a document."""

PAIRS_PER_DECISION = 4096
"""Pairs decided together; limits the memory for documents with many entities."""


class LoopSettings(TypedDict):
    """Keyword arguments of what scores documents."""

    accelerator: Accelerator
    """Device, precision and processes."""
    batch_size: int
    """Documents per batch."""
    progress: NotRequired[Progress[list[Features]]]
    """Shows how many batches are done."""


def loop_settings(
    precision: Precision = "auto", *, device: str | None = None, batch_size: int = 8, show_progress: bool = False
) -> LoopSettings:
    """Return settings whose progress bar the first process draws; args and errors are those of `accelerator_for`."""
    accelerator = accelerator_for(precision, device=device)
    progress = partial(with_bar, name="predicting", is_shown=show_progress and accelerator.is_main_process)
    return {"accelerator": accelerator, "batch_size": batch_size, "progress": progress}


def with_bar(batches: Sequence[list[Item]], *, name: str, is_shown: bool) -> Iterator[list[Item]]:
    """Yield batches of documents while a bar of that name shows how many documents are done, and how fast."""
    total = sum(map(len, batches))
    with tqdm(total=total, desc=name, unit=" docs", bar_format=BAR_FORMAT, disable=not is_shown) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that a GPU or the CPU is out of memory."""
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or bool(should_reduce_batch_size(error))
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    )


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
    pseudo_margins: Tensor | None = None
    """Largest margin of each triple in the pseudo documents that have both entities, float32 `[pairs, classes]`, on the
    CPU; −∞ for pairs that none has, and for TH. `None` unless they were scored."""
    attention: EntityAttention | None = None
    """Attention of the document's entities, on the model's device; `None` unless requested, and for a model whose pairs
    have no context."""


def score_documents(
    model: AtlopModel,
    documents: Sequence[Features],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[Features]] = iter,
) -> Iterator[DocumentScores]:
    """Score this process's share of the documents, batched by length and so not in corpus order.

    A batch that runs out of memory is split in halves.

    Args:
        model: On the accelerator's device; it is set to evaluation mode.
        documents: Preprocessed as for the training of the model.
        accelerator: Device, precision and processes.
        batch_size: Documents per batch.
        progress: Shows how many batches are done.

    Raises:
        AtlopError: A score is not finite, or a single document runs out of memory; the document is named.
    """
    batches = batches_by_length(documents, batch_size=batch_size)
    own = batches[accelerator.process_index :: accelerator.num_processes]
    yield from score_batches(model, progress(own), accelerator=accelerator)


def batches_by_length(documents: Sequence[Features], *, batch_size: int) -> list[list[Features]]:
    """Return documents of similar length in batches."""
    by_length = sorted(documents, key=lambda document: len(document.input_ids))
    return [by_length[first : first + batch_size] for first in range(0, len(by_length), batch_size)]


def score_batches(
    model: AtlopModel,
    batches: Iterable[list[Features]],
    *,
    accelerator: Accelerator,
    keep_attention: bool = False,
) -> Iterator[DocumentScores]:
    """Score batches of documents in this process.

    Args:
        model: On the accelerator's device; it is set to evaluation mode.
        batches: Documents preprocessed as for the training of the model; no empty batches.
        accelerator: Device and precision.
        keep_attention: Whether to return the entities' attention.

    Raises:
        AtlopError: A score is not finite, or a single document runs out of memory; the document is named.
    """
    model.eval()
    score = partial(_score_batch, model=model, accelerator=accelerator, keep_attention=keep_attention)
    for batch in batches:
        for document, scored in _in_halves(score, batch):
            scores, evidence = scored.scores, scored.evidence
            if not all(map(isfinite, scores.flatten().aminmax() if len(scores) else ())):
                raise AtlopError(
                    f'document {document.index} ("{document.title}"): the model gives scores that are not finite; '
                    "its weights are damaged, or the precision is too low for it (try float32)"
                )
            if not document.directed:
                scored = replace(
                    scored,
                    pairs=scored.pairs[::2],
                    scores=(scores[::2] + scores[1::2]) / 2,
                    evidence=None if evidence is None else evidence[::2],  # the same in both orders
                )
            yield scored


_Scored: TypeAlias = tuple[Features, DocumentScores]


def _score_batch(
    documents: list[Features], *, model: AtlopModel, accelerator: Accelerator, keep_attention: bool
) -> list[_Scored]:
    batch = model.collate(documents).to(accelerator.device)
    with torch.inference_mode(), accelerator.autocast():
        pooled = model.pool(batch)
        outputs = model.score(batch, pooled)
        scores = outputs.scores.float().cpu().split(batch.pair_counts)
        evidence = outputs.evidence.float().cpu().split(batch.pair_counts) if outputs.evidence is not None else None
    return [
        (
            document,
            DocumentScores(
                index=document.index,
                pairs=document.pairs,
                scores=scores[row],
                evidence=None if evidence is None else evidence[row][:, : document.sentences],
                attention=pooled.entity_attention(row) if keep_attention else None,
            ),
        )
        for row, document in enumerate(documents)
    ]


def _in_halves(score: Callable[[list[Features]], list[_Scored]], documents: list[Features]) -> Iterator[_Scored]:
    """Score documents together, or in halves when that runs out of memory."""
    try:
        scored = score(documents)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        yield from scored
        return
    # The memory of the failed attempt is only free here, after the `except` block has dropped the error.
    torch.cuda.empty_cache()  # does nothing without a GPU
    if len(documents) == 1:
        [document] = documents
        raise AtlopError(
            f'document {document.index} ("{document.title}"): not enough memory for its {len(document.input_ids):,} '
            f"tokens and {len(document.pairs):,} pairs alone; use a lower precision or a machine with more memory, or "
            "split the document in two"
        )
    half = len(documents) // 2
    logger.warning("not enough memory for a batch of %d documents; retrying in halves", len(documents))
    for documents_half in (documents[:half], documents[half:]):
        yield from _in_halves(score, documents_half)


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

    def facts(self, scored: DocumentScores) -> tuple[Fact, ...]:
        """Return the facts of one document with their evidence, pair by pair; fused scores if it decides by fusion."""
        is_fused = scored.pseudo_margins is not None
        assert is_fused or self.decision.use != "fusion", "pseudo documents were scored"
        facts: list[Fact] = []
        for first in range(0, len(scored.pairs), PAIRS_PER_DECISION):
            chunk = slice(first, first + PAIRS_PER_DECISION)
            decisions = self.objective.decide(
                scored.scores[chunk], max_relations=self.max_relations, thresholds=self.thresholds
            )
            evidence = None if scored.evidence is None else scored.evidence[chunk] > self.decision.evidence_threshold
            facts += decoded_facts(
                decisions.numpy(),
                pairs=scored.pairs[chunk],
                vocabulary=self.vocabulary,
                evidence=None if evidence is None else evidence.numpy(),
            )
        return tuple(facts)

    def evidence(self, scored: DocumentScores, *, pairs: Collection[Pair]) -> dict[Pair, tuple[int, ...]] | None:
        """Return the evidence of those of some pairs that are scored; `None` for a model without localized context."""
        if scored.evidence is None:
            return None
        rows = [row for row, pair in enumerate(map(tuple, scored.pairs.tolist())) if pair in pairs]
        is_evidence = (scored.evidence[rows] > self.decision.evidence_threshold).numpy()
        keys = map(tuple, scored.pairs[rows].tolist())
        return {pair: tuple(np.flatnonzero(each).tolist()) for pair, each in zip(keys, is_evidence, strict=True)}


def predict_facts(
    model: AtlopModel,
    documents: Sequence[Features],
    *,
    rule: DecisionRule | None = None,
    **loop: Unpack[LoopSettings],
) -> list[tuple[Fact, ...]]:
    """Return the facts of each document in corpus order, the same in every process.

    Args and errors are those of `score_documents`; the default `rule` is the one stored with the model.
    """
    rule = rule or DecisionRule.from_model(model)
    scored = score_documents(model, documents, **loop)
    return gather_in_order(((each.index, rule.facts(each)) for each in scored), accelerator=loop["accelerator"])


def gather_in_order(items: Iterable[tuple[int, Item]], *, accelerator: Accelerator) -> list[Item]:
    """Gather items of documents from all processes and sort them by index; every process gets the same."""
    indexed = list(items)
    if accelerator.num_processes > 1:
        indexed = gather_object(indexed)
    return [item for _, item in sorted(indexed, key=lambda pair: pair[0])]
