"""The host's share of an extraction: read and preprocess documents, and describe the facts found in them.

It takes longer than the model on a GPU, so there it runs in processes of its own.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from itertools import cycle
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from threading import Thread
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch

from atlop.errors import AtlopError
from atlop.inference.facts import (
    DIGITS,
    ExtractedFact,
    Extraction,
    ExtractionError,
    ExtractionResult,
    evidence_sentence,
    participant,
)
from atlop.inference.found import FoundFacts
from atlop.inference.inputs import InputDocument, read_documents
from atlop.inference.recognition import Recognition
from atlop.ops.cores import usable_cores
from atlop.prefetching import prefetch
from atlop.preprocessing import Features, Preprocessor
from atlop.schema import Document
from atlop.scores import DecisionRule

Item = TypeVar("Item")
Output = TypeVar("Output")


Found = FoundFacts | str
"""What the model finds in a document, or why it cannot be scored."""
Finish = Callable[[list[ExtractionResult]], Output]
"""Makes something of the results of a chunk."""


@dataclass
class _Chunk:
    """Documents that were read and await their facts."""

    order: list[int]
    """Index of each document, invalid ones too."""
    documents: dict[int, Document] = field(default_factory=dict)
    unread_mentions: dict[int, int] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)


class Host:
    """Reads chunks of documents and describes their facts, in the process that calls it."""

    def __init__(self, preprocessor: Preprocessor, rule: DecisionRule, recognition: Recognition | None = None):
        """Keep what a model was trained with, its rule, and what finds the entities of texts without."""
        self.preprocessor, self.rule, self.recognition = preprocessor, rule, recognition
        self._chunks: dict[int, _Chunk] = {}

    def read(self, number: int, inputs: Sequence[InputDocument], group_by: str | None) -> list[Features]:
        """Return the features of the valid documents of a chunk, and keep these."""
        chunk = self._chunks[number] = _Chunk([item.index for item in inputs])
        read = read_documents(inputs, group_by=group_by, recognition=self.recognition)
        for item, document in zip(inputs, read, strict=True):
            if isinstance(document, AtlopError):
                chunk.errors[item.index] = str(document)
            else:
                chunk.documents[item.index] = document
        preprocessed = self.preprocessor.preprocess(chunk.documents.values())
        features = [replace(each, index=index) for index, each in zip(chunk.documents, preprocessed, strict=True)]
        chunk.unread_mentions = {each.index: each.truncated_mentions for each in features}
        return features

    def document(self, number: int, index: int) -> Document:
        """Return a document of a chunk."""
        return self._chunks[number].documents[index]

    def finish(self, number: int, found: Mapping[int, Found], finish: Finish[Output]) -> Output:
        """Return what `finish` makes of the results of a chunk, in the order of its inputs; forget the chunk."""
        chunk = self._chunks.pop(number)
        results: dict[int, ExtractionResult] = {}
        for index, value in {**found, **chunk.errors}.items():
            if isinstance(value, str):
                results[index] = ExtractionError(index, value)
            else:
                document = chunk.documents[index]
                described = self._described(document, value)
                facts, near_misses = (described, ()) if value.hold else ((), described)
                unread = chunk.unread_mentions[index]
                results[index] = Extraction(index, document.title, facts, unread, near_misses)
        return finish([results[index] for index in chunk.order])

    def _described(self, document: Document, found: FoundFacts) -> tuple[ExtractedFact, ...]:
        vocabulary, decision = self.rule.vocabulary, self.rule.decision
        known = decision.probabilities(found.margins)
        participants = {entity: participant(document, entity) for entity in np.unique(found.pairs).tolist()}
        facts = []
        for row, ((subject, object_), class_id) in enumerate(
            zip(found.pairs.tolist(), found.class_ids.tolist(), strict=True)
        ):
            relation, shares = vocabulary.relation_of(class_id), found.shares[row]
            evidence = np.flatnonzero(shares > decision.evidence_threshold).tolist()
            facts.append(
                ExtractedFact(
                    subject=participants[subject],
                    relation=relation,
                    relation_name=vocabulary.name_of(relation),
                    object=participants[object_],
                    margin=round(float(found.margins[row]), DIGITS),
                    probability=None if known is None else round(float(known[row]), DIGITS),
                    evidence=tuple(evidence_sentence(document, each, share=float(shares[each])) for each in evidence),
                    context=found.contexts.get((subject, object_)),
                )
            )
        return tuple(facts)


class Hosting(Protocol):
    """Where the methods of a `Host` are called."""

    host: Host
    """The host in this process."""
    ahead: int
    """Chunks to read before they are needed."""

    def read(self, number: int, inputs: Sequence[InputDocument], group_by: str | None) -> "Future[list[Features]]":
        """See `Host.read`."""

    def finish(self, number: int, found: Mapping[int, Found], finish: Finish[Output]) -> "Future[Output]":
        """See `Host.finish`."""

    def map(self, function: Callable[[Item], Output], items: Iterable[Item]) -> Iterable[Output]:
        """Return what a function of a module makes of items, in order."""


class ThisProcess:
    """Calls a host at once."""

    def __init__(self, host: Host):
        """Take the host."""
        self.host, self.ahead = host, 0

    def read(self, number: int, inputs: Sequence[InputDocument], group_by: str | None) -> "Future[list[Features]]":
        """See `Host.read`."""
        return _done(self.host.read(number, inputs, group_by))

    def finish(self, number: int, found: Mapping[int, Found], finish: Finish[Output]) -> "Future[Output]":
        """See `Host.finish`."""
        return _done(self.host.finish(number, found, finish))

    def map(self, function: Callable[[Item], Output], items: Iterable[Item]) -> Iterable[Output]:
        """See `Hosting.map`."""
        return map(function, items)


class HostProcesses:
    """Calls copies of a host in processes; a chunk stays in the process that read it. Used in a `with` statement."""

    def __init__(self, host: Host, *, count: int):
        """Start the processes."""
        self.host, self.ahead = host, 2 * count
        self._stack = ExitStack()
        context = _process_context()
        pools = [
            ProcessPoolExecutor(1, context, initializer=_start_process, initargs=(host, number == 0))
            for number in range(count)
        ]
        self._pools = list(map(self._stack.enter_context, pools))
        self._turns = cycle(self._pools)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is not None:
            for pool in self._pools:
                pool.shutdown(wait=False, cancel_futures=True)
        self._stack.close()
        if isinstance(error, BrokenProcessPool):
            raise AtlopError(f"a process that reads documents ended ({error}); repeat the command to go on") from None

    def read(self, number: int, inputs: Sequence[InputDocument], group_by: str | None) -> "Future[list[Features]]":
        """See `Host.read`."""
        return self._submit("read", number, inputs, group_by)

    def finish(self, number: int, found: Mapping[int, Found], finish: Finish[Output]) -> "Future[Output]":
        """See `Host.finish`."""
        return self._submit("finish", number, found, finish)

    def map(self, function: Callable[[Item], Output], items: Iterable[Item]) -> Iterable[Output]:
        """See `Hosting.map`."""
        return prefetch(items, make=function, ahead=self.ahead, submit=lambda *call: next(self._turns).submit(*call))

    def _submit(self, method: str, number: int, *args: Any) -> "Future[Any]":
        return self._pools[number % len(self._pools)].submit(_call, method, number, *args)


def hosting(host: Host, *, processes: int) -> AbstractContextManager[Hosting]:
    """Return where a host is called: in processes, or in this one if there are 0."""
    return HostProcesses(host, count=processes) if processes else nullcontext(ThisProcess(host))


def host_processes(device: torch.device, *, is_recognising: bool, has_one_chunk: bool) -> int:
    """Return the number of processes that keep a device busy; 0 is none beside this one.

    Reading takes longer than the model on a GPU; to recognise entities takes long everywhere. While the only chunk is
    read, there is nothing to score.
    """
    if has_one_chunk or (device.type != "cuda" and not is_recognising):
        return 0
    sharing = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)  # processes that torchrun started on this machine
    return min(8, max(1, usable_cores() // (2 * sharing)))


def _process_context() -> BaseContext:
    """Return how processes start: not as forks of this one, which has threads and a GPU."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by each process
    return context


_HOST: list[Host] = []
"""The host of a process that `HostProcesses` started, which is how an executor's process keeps a state."""


def _start_process(host: Host, is_first: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    Thread(target=_end_with_parent, daemon=True).start()
    if not is_first:
        logging.getLogger("atlop").setLevel(logging.ERROR)  # the others would warn of the same
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _HOST.append(host)


def _end_with_parent() -> None:
    """End this process when the one that started it does, even killed; it would wait for work forever."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _call(method: str, *args: Any) -> Any:
    return getattr(_HOST[0], method)(*args)


def _done(value: Output) -> "Future[Output]":
    future: Future[Output] = Future()
    future.set_result(value)
    return future
