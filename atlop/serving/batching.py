"""Batch the documents of concurrent requests."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch

from atlop.inference import RelationExtractor
from atlop.inference.facts import ExtractionResult
from atlop.inference.inputs import InputDocument
from atlop.schema import Document

_LOG = logging.getLogger(__name__)
_BATCH_DELAY = 0.005
"""Seconds that the first document of a batch waits for more."""
_BATCH_DOCUMENTS = 16
"""Documents that are answered together at most."""


class BusyError(Exception):
    """The queue is full or closed."""


@dataclass(frozen=True, slots=True)
class _QueuedDocument:
    document: Document
    explain: bool
    result: "Future[ExtractionResult]" = field(default_factory=Future)


class BatchQueue:
    """A queue of documents, and a thread that runs the model on them in batches."""

    def __init__(self, extractor: RelationExtractor, *, max_waiting: int):
        """Start the thread; `max_waiting` limits the documents in the queue."""
        self.batches = 0
        """Batches so far."""
        self.documents = 0
        """Documents in these batches."""
        self.has_lost_device = False
        """Whether the GPU gave an error after which it answers nothing more in this process."""
        self._extractor = extractor
        self._max_waiting = max_waiting
        self._queue: deque[_QueuedDocument] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run_batches, name="model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Documents in the queue."""
        return len(self._queue)

    def submit(self, documents: Sequence[Document], *, explain: bool) -> "list[Future[ExtractionResult]]":
        """Add the documents of a request to the queue, all or none.

        The `document` of a result is its index in the batch. A document whose future is cancelled in the queue is not
        processed.

        Raises:
            BusyError: The queue has no space for all of them, or is closed.
        """
        queued = [_QueuedDocument(document, explain) for document in documents]
        with self._changed:
            if self._closed or len(self._queue) + len(queued) > self._max_waiting:
                raise BusyError
            self._queue.extend(queued)
            self._changed.notify()
        return [item.result for item in queued]

    def close(self) -> None:
        """Process the documents in the queue, then stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run_batches(self) -> None:
        while batch := self._next_batch():
            running = [item for item in batch if item.result.set_running_or_notify_cancel()]
            for explain in (False, True):
                if queued := [item for item in running if item.explain is explain]:
                    self.batches += 1
                    self.documents += len(queued)
                    self._run(queued, explain=explain)

    def _next_batch(self) -> list[_QueuedDocument]:
        """Wait for the next batch; it is empty if the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            deadline = time.monotonic() + _BATCH_DELAY
            while (
                len(self._queue) < _BATCH_DOCUMENTS
                and not self._closed
                and (remaining := deadline - time.monotonic()) > 0
            ):
                self._changed.wait(remaining)
            return [self._queue.popleft() for _ in range(min(_BATCH_DOCUMENTS, len(self._queue)))]

    def _run(self, queued: list[_QueuedDocument], *, explain: bool) -> None:
        """Set the results; after a failure, run each document on its own, so that only the cause fails."""
        inputs = [
            InputDocument(index, "the document", "the document", item.document) for index, item in enumerate(queued)
        ]
        try:
            results = list(self._extractor.extract(inputs, explain=explain))
        except Exception as error:  # no error may end the thread
            if len(queued) == 1:
                _LOG.exception("extraction failed for a document")
                self.has_lost_device |= isinstance(error, torch.AcceleratorError)  # out of memory is another error
                queued[0].result.set_exception(error)
                return
            for item in queued:
                self._run([item], explain=explain)
            return
        for item, result in zip(queued, results, strict=True):
            item.result.set_result(result)
