"""A model and documents to scores and facts: the one loop that training, evaluation and inference share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from atlop.config import Precision
from atlop.decoding import facts_of
from atlop.encoding import EncodedDocument, Truncation, collate
from atlop.errors import AtlopError
from atlop.model import AtlopModel, document_encoder
from atlop.schema import Document, Fact

Item = TypeVar("Item")
Progress = Callable[[Sequence[Item]], Iterable[Item]]
"""Wraps a sequence that is gone through once, to show how far it is; `tqdm` is one."""

PAIRS_DECIDED_AT_ONCE = 4096
"""Pairs that are decided together, so that a document of many entities needs little memory besides its scores."""

_MIXED_PRECISION = {"float32": "no", "bf16": "bf16", "fp16": "fp16"}


def accelerator_for(precision: Precision) -> Accelerator:
    """Return the device, precision and processes to work with, as `accelerate launch` or the machine sets them.

    Raises:
        AtlopError: The device cannot compute in this precision.
    """
    AcceleratorState._reset_state(reset_partial_state=False)  # an earlier call may have had another precision
    if precision == "fp16" and PartialState().device.type == "cpu":
        raise AtlopError("precision fp16: needs a GPU; choose float32 or bf16")
    return Accelerator(mixed_precision=_MIXED_PRECISION[precision])


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """What the model says of every pair of one document."""

    index: int
    """Index of the document in its corpus."""
    pairs: NDArray[np.int32]
    """Subject and object of each pair, `[pairs, 2]`; of an undirected document one of the two orders."""
    scores: Tensor
    """`[pairs, classes]`, float32, on the CPU; class 0 is TH. Of an undirected document the mean of both orders."""


def score_documents(
    model: AtlopModel,
    documents: Sequence[EncodedDocument],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[EncodedDocument]] = iter,
) -> Iterator[DocumentScores]:
    """Score this process's share of the documents, those of like length together; not in the order of the corpus.

    Args:
        model: On the accelerator's device; it is put into evaluation mode.
        documents: Encoded as the model was trained.
        accelerator: Device, precision and processes.
        batch_size: Documents in a batch.
        progress: Shows how many batches are done.

    Raises:
        AtlopError: A score is not finite; the document is named.
    """
    by_length = sorted(documents, key=lambda document: len(document.input_ids))
    batches = [by_length[first : first + batch_size] for first in range(0, len(by_length), batch_size)]
    model.eval()
    for documents_of_batch in progress(batches[accelerator.process_index :: accelerator.num_processes]):
        batch = collate(documents_of_batch, padding=model.padding)
        with torch.inference_mode(), accelerator.autocast():
            scores = model(batch.to(accelerator.device)).float().cpu()
        for document, of_document in zip(documents_of_batch, scores.split(batch.pair_counts), strict=True):
            if not all(map(isfinite, of_document.flatten().aminmax() if len(of_document) else ())):
                raise AtlopError(
                    f'document {document.index} ("{document.title}"): the model gives scores that are not finite; '
                    "its weights are damaged, or the precision is too low for it (try float32)"
                )
            pairs = document.pairs
            if not document.directed:
                pairs, of_document = pairs[::2], (of_document[::2] + of_document[1::2]) / 2
            yield DocumentScores(index=document.index, pairs=pairs, scores=of_document)


def facts_of_scores(model: AtlopModel, scored: DocumentScores) -> tuple[Fact, ...]:
    """Return the facts of one document that the model's decision rule finds in its scores, pair by pair."""
    objective, config = model.objective, model.config
    facts: list[Fact] = []
    for first in range(0, len(scored.pairs), PAIRS_DECIDED_AT_ONCE):
        rows = slice(first, first + PAIRS_DECIDED_AT_ONCE)
        decisions = objective.decide(scored.scores[rows], max_relations=config.max_relations)
        facts += facts_of(decisions.numpy(), pairs=scored.pairs[rows], vocabulary=config.vocabulary)
    return tuple(facts)


def predict_facts(
    model: AtlopModel,
    documents: Sequence[EncodedDocument],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[EncodedDocument]] = iter,
) -> list[tuple[Fact, ...]]:
    """Return the facts of each document in the order of the corpus, the same in every process.

    Args and errors are those of `score_documents`.
    """
    found = [
        (scored.index, facts_of_scores(model, scored))
        for scored in score_documents(
            model, documents, accelerator=accelerator, batch_size=batch_size, progress=progress
        )
    ]
    if accelerator.num_processes > 1:
        found = gather_object(found)
    return [facts for _, facts in sorted(found, key=lambda item: item[0])]


@dataclass(frozen=True)
class Predictions:
    """What a model finds in documents, and what it cannot find."""

    facts: list[tuple[Fact, ...]]
    """Facts of each document, in the order of the documents."""
    truncation: Truncation
    """What the model's maximum length costs."""
    unknown_facts: int
    """Labelled facts of relations that the model does not know."""


def predict_documents(
    model: AtlopModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[Document],
    *,
    accelerator: Accelerator,
    batch_size: int,
    progress: Progress[list[EncodedDocument]] = iter,
) -> Predictions:
    """Encode documents as the model was trained and predict their facts, the same in every process.

    Args:
        model: Moved to the accelerator's device.
        tokenizer: The model's own.
        documents: Labelled or not.
        accelerator: Device, precision and processes.
        batch_size: Documents in a batch.
        progress: Shows how many batches are done.

    Raises:
        AtlopError: A score is not finite; the document is named.
    """
    encoded = list(document_encoder(model, tokenizer).encode(documents))
    facts = predict_facts(
        model.to(accelerator.device), encoded, accelerator=accelerator, batch_size=batch_size, progress=progress
    )
    return Predictions(
        facts=facts,
        truncation=Truncation.of(encoded),
        unknown_facts=sum(document.unknown_facts for document in encoded),
    )
