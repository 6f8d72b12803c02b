"""Score documents and predict facts: the loop that training, evaluation and inference share."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import NotRequired, TypedDict, TypeVar, Unpack

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor
from tqdm import tqdm

from atlop.config import Precision
from atlop.device import accelerator_for
from atlop.model import AtlopModel, EntityAttention
from atlop.ops import HostCopies, limits_for
from atlop.prefetching import prefetch
from atlop.preprocessing import Batch, Features, copy_to
from atlop.schema import Fact
from atlop.scores import DecisionRule, DocumentScores, UnscoredDocument, all_scored

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
ProgressBar = Callable[[Sequence[Item]], Iterable[Item]]
"""Wraps a sequence to show progress while it is iterated once, like `tqdm`."""

BAR_FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
"""tqdm's own, but always with documents a second rather than seconds a document."""


class LoopSettings(TypedDict):
    """Keyword arguments of what scores documents."""

    accelerator: Accelerator
    """Device, precision and processes."""
    progress: NotRequired[ProgressBar[list[Features]]]
    """Shows how many batches are done."""


def loop_settings(
    precision: Precision = "auto", *, device: str | None = None, show_progress: bool = False
) -> LoopSettings:
    """Return settings whose progress bar the first process draws; args and errors are those of `accelerator_for`."""
    accelerator = accelerator_for(precision, device=device)
    progress = partial(with_bar, name="predicting", is_shown=show_progress and accelerator.is_main_process)
    return {"accelerator": accelerator, "progress": progress}


def with_bar(batches: Sequence[list[Item]], *, name: str, is_shown: bool) -> Iterator[list[Item]]:
    """Yield batches of documents while a bar of that name shows how many documents are done, and how fast."""
    total = sum(map(len, batches))
    with tqdm(total=total, desc=name, unit=" docs", bar_format=BAR_FORMAT, disable=not is_shown) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


_QUEUED_BATCHES = 2
"""Batches that were started after the one that is read: a device has work while the host is late for one of them."""
_OUT_OF_MEMORY = ("not enough memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that a GPU or the CPU is out of memory."""
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or bool(should_reduce_batch_size(error))
        or (isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY))
    )


def score_documents(
    model: AtlopModel,
    documents: Sequence[Features],
    *,
    accelerator: Accelerator,
    rule: DecisionRule | None = None,
    progress: ProgressBar[list[Features]] = iter,
) -> Iterator[DocumentScores]:
    """Score this process's share of the documents, longest first and so not in corpus order.

    Args and errors are those of `score_batches`; `progress` shows how many batches are done.
    """
    batches = make_batches(documents, device=accelerator.device)
    own = batches[accelerator.process_index :: accelerator.num_processes]
    yield from score_batches(model, progress(own), accelerator=accelerator, rule=rule)


def make_batches(documents: Sequence[Features], *, device: torch.device) -> list[list[Features]]:
    """Return documents of similar length in batches of a size that suits the device, the longest first."""
    max_tokens = limits_for(device).batch_tokens
    batches: list[list[Features]] = []
    for document in sorted(documents, key=lambda document: -len(document.input_ids)):
        if batches and _padded_tokens(batches[-1], further=1) <= max_tokens:
            batches[-1].append(document)
        else:
            batches.append([document])
    return batches


def score_batches(
    model: AtlopModel,
    batches: Iterable[list[Features]],
    *,
    accelerator: Accelerator,
    rule: DecisionRule | None = None,
    keep_attention: bool = False,
) -> Iterator[DocumentScores]:
    """Score batches of documents in this process.

    The host prepares the next batch and reads the last one while the device computes. A batch that runs out of memory
    is split in halves, and with it those that are as large.

    Args:
        model: On the accelerator's device; it is set to evaluation mode.
        batches: Documents preprocessed as for the training of the model; no empty batches.
        accelerator: Device and precision.
        rule: Decides on the device, for `DocumentScores.decisions`; not for a rule that needs pseudo documents.
        keep_attention: Whether to return the entities' attention.

    Raises:
        AtlopError: A score is not finite, or a single document runs out of memory; the document is named.
    """
    tried = try_batches(model, batches, accelerator=accelerator, rule=rule, keep_attention=keep_attention)
    return all_scored(tried)


def try_batches(
    model: AtlopModel,
    batches: Iterable[list[Features]],
    *,
    accelerator: Accelerator,
    rule: DecisionRule | None = None,
    keep_attention: bool = False,
) -> Iterator[DocumentScores | UnscoredDocument]:
    """Do what `score_batches` does, but go on after a document that cannot be scored."""
    model.eval()
    scoring = _Scoring(model, accelerator, rule=rule, keeps_attention=keep_attention)
    running: deque[_RunningBatch] = deque()
    with closing(prefetch(batches, make=scoring.collate)) as prepared:
        for batch in prepared:
            for started in scoring.start(*batch):
                if isinstance(started, UnscoredDocument):
                    yield started
                    continue
                running.append(started)
                if len(running) > _QUEUED_BATCHES:
                    yield from running.popleft().scores()
    for started in running:
        yield from started.scores()


@dataclass(frozen=True)
class _RunningBatch:
    """A batch that the device may still be scoring."""

    documents: list[Features]
    counts: tuple[int, ...]
    """Pairs of each document, in both orders."""
    copies: HostCopies
    attention: list[EntityAttention | None]

    def scores(self) -> Iterator[DocumentScores | UnscoredDocument]:
        """Wait for the scores, and yield those of each document."""
        tensors = {name: tensor.split(self.counts) for name, tensor in self.copies.wait().items()}
        for row, document in enumerate(self.documents):
            values = {name: parts[row] for name, parts in tensors.items()}
            if not values.pop("is_finite").all():
                yield UnscoredDocument(
                    document.index,
                    document.title,
                    "the model gives scores that are not finite; its weights are damaged, or the precision is too low "
                    "for it (try float32)",
                )
                continue
            if not document.directed:
                values = {name: value[::2] for name, value in values.items()}  # the same in both orders
            evidence = values.pop("evidence", None)
            yield DocumentScores(
                index=document.index,
                pairs=document.pairs if document.directed else document.pairs[::2],
                evidence=None if evidence is None else evidence[:, : document.sentences],
                attention=self.attention[row],
                **values,
            )


@dataclass
class _Scoring:
    """Starts to score batches."""

    model: AtlopModel
    accelerator: Accelerator
    rule: DecisionRule | None = field(kw_only=True)
    keeps_attention: bool = field(kw_only=True)
    too_large: float = float("inf")
    """Padded tokens of the smallest batch that ran out of memory."""

    def collate(self, documents: list[Features]) -> tuple[list[Features], Batch]:
        """Prepare a batch on the host."""
        batch = self.model.collate(documents)
        return documents, batch.pin_memory() if self.accelerator.device.type == "cuda" else batch

    def start(self, documents: list[Features], batch: Batch) -> Iterator[_RunningBatch | UnscoredDocument]:
        """Score documents together, or in halves when that runs out of memory."""
        size = _padded_tokens(documents)
        if size < self.too_large or len(documents) == 1:
            try:
                running = self._run(documents, batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                yield running
                return
            # The memory of the failed attempt is only free here, after the `except` block has dropped the error.
            torch.cuda.empty_cache()  # does nothing without a GPU
            if len(documents) == 1:
                [document] = documents
                yield UnscoredDocument(
                    document.index,
                    document.title,
                    f"not enough memory for its {len(document.input_ids):,} tokens and {len(document.pairs):,} pairs "
                    "alone; use a lower precision or a machine with more memory, or split the document in two",
                )
                return
            self.too_large = size
            logger.warning("not enough memory for a batch of %d documents; going on with halves", len(documents))
        half = len(documents) // 2
        for part in (documents[:half], documents[half:]):
            yield from self.start(*self.collate(part))

    def _run(self, documents: list[Features], batch: Batch) -> _RunningBatch:
        with torch.inference_mode(), self.accelerator.autocast():
            batch = batch.to(self.accelerator.device)
            pooled = self.model.pool(batch)
            outputs = self.model.score(batch, pooled)
            scores = _mean_over_orders(outputs.scores.float(), documents)
            tensors = {"scores": scores, "is_finite": scores.isfinite().all(dim=1)}
            if outputs.evidence is not None:
                tensors["evidence"] = outputs.evidence.float()
            if self.rule is not None:
                tensors["decisions"] = self.rule.decide(scores)
            return _RunningBatch(
                documents,
                batch.pair_counts,
                HostCopies(tensors),
                [pooled.entity_attention(row) if self.keeps_attention else None for row in range(len(documents))],
            )


def _mean_over_orders(scores: Tensor, documents: Sequence[Features]) -> Tensor:
    """Give both orders of a pair their mean scores, `[pairs, classes]`, in undirected documents."""
    if all(document.directed for document in documents):
        return scores
    partners, first = [], 0
    for document in documents:  # orders of a pair are adjacent
        rows = np.arange(len(document.pairs))
        partners.append(first + (rows if document.directed else rows ^ 1))
        first += len(rows)
    partner = copy_to(torch.from_numpy(np.concatenate(partners)), scores.device)
    return (scores + scores.index_select(0, partner)) / 2


def _padded_tokens(documents: Sequence[Features], *, further: int = 0) -> int:
    """Return the tokens of documents, and of further ones, that are padded to the first, the longest."""
    return (len(documents) + further) * len(documents[0].input_ids)


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
    scored = score_documents(model, documents, rule=rule, **loop)
    return gather_in_order(((each.index, rule.facts(each)) for each in scored), accelerator=loop["accelerator"])


def gather_in_order(items: Iterable[tuple[int, Item]], *, accelerator: Accelerator) -> list[Item]:
    """Gather items of documents from all processes and sort them by index; every process gets the same."""
    indexed = list(items)
    if accelerator.num_processes > 1:
        indexed = gather_object(indexed)
    return [item for _, item in sorted(indexed, key=lambda pair: pair[0])]
