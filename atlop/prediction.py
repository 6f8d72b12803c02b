"""A model and documents to scores and facts: the one loop that training, evaluation and inference share."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from accelerate.utils.memory import should_reduce_batch_size
from numpy.typing import NDArray
from torch import Tensor

from atlop.decoding import Calibration, decoded_facts
from atlop.errors import AtlopError
from atlop.model import AtlopModel, EntityAttention
from atlop.objectives import Objective, make_objective
from atlop.preprocessing import Features
from atlop.schema import Fact, RelationVocabulary

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[Sequence[Item]], Iterable[Item]]
"""Wraps a sequence that is gone through once, to show how far it is; `tqdm` is one."""

PAIRS_DECIDED_AT_ONCE = 4096
"""Pairs that are decided together, so that a document of many entities needs little memory besides its scores."""


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that a GPU's or the CPU's memory was not enough."""
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or bool(should_reduce_batch_size(error))
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    )


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """What the model says of every pair of one document."""

    index: int
    """Index of the document in its corpus."""
    pairs: NDArray[np.int32]
    """Subject and object of each pair, `[pairs, 2]`; of an undirected document one of the two orders."""
    scores: Tensor
    """`[pairs, classes]`, float32, on the CPU; class 0 is TH. Of an undirected document the mean of both orders."""
    attention: EntityAttention | None = None
    """Where asked for, what gives the attention of the document's entities, on the model's device.

    `None` also of a model whose pairs have no context.
    """


def score_documents(
    model: AtlopModel,
    documents: Sequence[Features],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[Features]] = iter,
) -> Iterator[DocumentScores]:
    """Score this process's share of the documents, those of like length together; not in the order of the corpus.

    A batch for which there is not enough memory is scored again in halves.

    Args:
        model: On the accelerator's device; it is put into evaluation mode.
        documents: Preprocessed as the model was trained.
        accelerator: Device, precision and processes.
        batch_size: Documents in a batch.
        progress: Shows how many batches are done.

    Raises:
        AtlopError: A score is not finite, or there is not enough memory for one document alone; it is named.
    """
    batches = batches_by_length(documents, batch_size=batch_size)
    own = batches[accelerator.process_index :: accelerator.num_processes]
    yield from score_batches(model, progress(own), accelerator=accelerator)


def batches_by_length(documents: Sequence[Features], *, batch_size: int) -> list[list[Features]]:
    """Return the documents in batches, those of like length together."""
    by_length = sorted(documents, key=lambda document: len(document.input_ids))
    return [by_length[first : first + batch_size] for first in range(0, len(by_length), batch_size)]


def score_batches(
    model: AtlopModel,
    batches: Iterable[list[Features]],
    *,
    accelerator: Accelerator,
    keep_attention: bool = False,
) -> Iterator[DocumentScores]:
    """Score batches of documents, all of them in this process.

    Args:
        model: On the accelerator's device; it is put into evaluation mode.
        batches: Documents preprocessed as the model was trained, none of the batches empty.
        accelerator: Device and precision.
        keep_attention: Whether the entities' attention comes with the scores.

    Raises:
        AtlopError: A score is not finite, or there is not enough memory for one document alone; it is named.
    """
    model.eval()
    for documents_of_batch in batches:
        for document, of_document, attention in _scored(
            documents_of_batch, model=model, accelerator=accelerator, keep_attention=keep_attention
        ):
            if not all(map(isfinite, of_document.flatten().aminmax() if len(of_document) else ())):
                raise AtlopError(
                    f'document {document.index} ("{document.title}"): the model gives scores that are not finite; '
                    "its weights are damaged, or the precision is too low for it (try float32)"
                )
            pairs = document.pairs
            if not document.directed:
                pairs, of_document = pairs[::2], (of_document[::2] + of_document[1::2]) / 2
            yield DocumentScores(index=document.index, pairs=pairs, scores=of_document, attention=attention)


def _scored_at_once(
    documents: list[Features], *, model: AtlopModel, accelerator: Accelerator, keep_attention: bool
) -> list[tuple[Features, Tensor, EntityAttention | None]]:
    """Return each document of a batch with its scores, and its attention where it is kept."""
    batch = model.collate(documents).to(accelerator.device)
    with torch.inference_mode(), accelerator.autocast():
        pooled = model.pool(batch)
        scores = model.score(batch, pooled).scores.float().cpu()
    attention = [pooled.entity_attention(row) if keep_attention else None for row in range(len(documents))]
    return list(zip(documents, scores.split(batch.pair_counts), attention, strict=True))


def _scored(
    documents: list[Features], *, model: AtlopModel, accelerator: Accelerator, keep_attention: bool
) -> Iterator[tuple[Features, Tensor, EntityAttention | None]]:
    """Yield each document with its scores, and its attention where it is kept.

    Where memory is not enough for all at once, by halves of them.

    Raises:
        AtlopError: It is not enough for one document.
    """
    try:
        scored = _scored_at_once(documents, model=model, accelerator=accelerator, keep_attention=keep_attention)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        yield from scored
        return
    # Only here, where the error no longer holds what the failed attempt computed, is its memory free.
    if accelerator.device.type == "cuda":
        torch.cuda.empty_cache()
    if len(documents) == 1:
        [document] = documents
        raise AtlopError(
            f'document {document.index} ("{document.title}"): not enough memory for its {len(document.input_ids):,} '
            f"tokens and {len(document.pairs):,} pairs alone; use a lower precision or a machine with more memory, or "
            "cut the document in two"
        )
    half = len(documents) // 2
    logger.warning("not enough memory for a batch of %d documents; going on in halves", len(documents))
    for part in (documents[:half], documents[half:]):
        yield from _scored(part, model=model, accelerator=accelerator, keep_attention=keep_attention)


@dataclass(frozen=True)
class DecisionRule:
    """From scores to facts."""

    objective: Objective
    vocabulary: RelationVocabulary
    max_relations: int
    """Most relations of one pair (k)."""
    thresholds: Tensor | None = None
    """Margin that each class must exceed, float32 `[classes]`; `None` is the objective's own rule."""

    @classmethod
    def from_model(cls, model: AtlopModel, *, calibration: Calibration | None) -> "DecisionRule":
        """Return the rule of a model's objective.

        Args:
            model: The model.
            calibration: Where the thresholds come from.
        """
        config, objective = model.config, model.config.model.objective
        rule = cls(make_objective(objective), vocabulary=config.vocabulary, max_relations=objective.max_relations)
        return rule.with_calibration(calibration)

    def with_calibration(self, calibration: Calibration | None) -> "DecisionRule":
        """Return the same rule with other thresholds."""
        thresholds = None if calibration is None else torch.from_numpy(calibration.class_thresholds(self.vocabulary))
        return replace(self, thresholds=thresholds)

    def facts(self, scored: DocumentScores) -> tuple[Fact, ...]:
        """Return the facts of one document, pair by pair."""
        facts: list[Fact] = []
        for first in range(0, len(scored.pairs), PAIRS_DECIDED_AT_ONCE):
            rows = slice(first, first + PAIRS_DECIDED_AT_ONCE)
            decisions = self.objective.decide(
                scored.scores[rows], max_relations=self.max_relations, thresholds=self.thresholds
            )
            facts += decoded_facts(decisions.numpy(), pairs=scored.pairs[rows], vocabulary=self.vocabulary)
        return tuple(facts)


def predict_facts(
    model: AtlopModel,
    documents: Sequence[Features],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[Features]] = iter,
    rule: DecisionRule | None = None,
) -> list[tuple[Fact, ...]]:
    """Return the facts of each document in the order of the corpus, the same in every process.

    Args and errors are those of `score_documents`; without a `rule`, the model's own with its calibration decides.
    """
    rule = rule or DecisionRule.from_model(model, calibration=model.config.calibrated)
    scored = score_documents(model, documents, accelerator=accelerator, batch_size=batch_size, progress=progress)
    return gather_in_order(((each.index, rule.facts(each)) for each in scored), accelerator=accelerator)


def gather_in_order(found: Iterable[tuple[int, Result]], *, accelerator: Accelerator) -> list[Result]:
    """Put together what all processes found of each document, the same in every process.

    Args:
        found: Index of a document and what this process found of it.
        accelerator: The processes.
    """
    items = list(found)
    if accelerator.num_processes > 1:
        items = gather_object(items)
    return [result for _, result in sorted(items, key=lambda item: item[0])]
