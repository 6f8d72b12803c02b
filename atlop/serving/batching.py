"""Documents of many requests read by the model together."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from atlop.inference import Extraction, ExtractionError, RelationExtractor
from atlop.inference.extractor import Source
from atlop.schema import Document

Result: TypeAlias = Extraction | ExtractionError

_LOG = logging.getLogger(__name__)
_LINGER = 0.005
"""Seconds that the first document of a batch waits for others."""


class BusyError(Exception):
    """So many documents wait already that more would wait too long."""


@dataclass(frozen=True, slots=True)
class _Job:
    document: Document
    explain: bool
    result: "Future[Result]" = field(default_factory=Future)


class Batcher:
    """A queue of documents and the one thread that gives them to the model, a batch at a time."""

    def __init__(self, extractor: RelationExtractor, *, waiting: int):
        """Start the thread.

        Args:
            extractor: The model; its `batch_size` is the most documents in a batch.
            waiting: The most documents in the queue.
        """
        self.batches = 0
        """Batches so far."""
        self.documents = 0
        """Documents in them."""
        self._extractor = extractor
        self._most = waiting
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Documents in the queue."""
        return len(self._jobs)

    def submit(self, documents: Sequence[Document], *, explain: bool) -> "list[Future[Result]]":
        """Put the documents of a request into the queue, all or none.

        Results count their document within a batch. One that is cancelled before its turn is never read.

        Raises:
            BusyError: There is no room, or the service is ending.
        """
        jobs = [_Job(document, explain) for document in documents]
        with self._changed:
            if self._closed or len(self._jobs) + len(jobs) > self._most:
                raise BusyError
            self._jobs.extend(jobs)
            self._changed.notify()
        return [job.result for job in jobs]

    def close(self) -> None:
        """Read what is in the queue, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            running = [job for job in batch if job.result.set_running_or_notify_cancel()]
            for explain in (False, True):
                if jobs := [job for job in running if job.explain is explain]:
                    self.batches += 1
                    self.documents += len(jobs)
                    self._run(jobs, explain=explain)

    def _next_batch(self) -> list[_Job]:
        """Wait for documents; none when the queue is closed and empty."""
        size = self._extractor.batch_size
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            until = time.monotonic() + _LINGER
            while len(self._jobs) < size and not self._closed and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return [self._jobs.popleft() for _ in range(min(size, len(self._jobs)))]

    def _run(self, jobs: list[_Job], *, explain: bool) -> None:
        """Answer the jobs; where the model fails, each on its own, so that one takes no other with it."""
        sources = [Source(index, "the document", "the document", job.document) for index, job in enumerate(jobs)]
        try:
            results = list(self._extractor.extract(sources, explain=explain))
        except Exception as problem:  # whatever it is, the thread must live
            if len(jobs) == 1:
                _LOG.exception("a document could not be read")
                jobs[0].result.set_exception(problem)
                return
            for job in jobs:
                self._run([job], explain=explain)
            return
        for job, result in zip(jobs, results, strict=True):
            job.result.set_result(result)
