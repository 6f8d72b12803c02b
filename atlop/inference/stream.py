"""Extract from a stream of chunks of documents: some are read, some scored, and some finished at any time."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Generic

from accelerate import Accelerator

from atlop.ensemble import Ensemble
from atlop.fusion import FusionCost
from atlop.inference.explanation import pair_contexts
from atlop.inference.found import FoundFacts
from atlop.inference.host import Finish, Found, Hosting, Output
from atlop.inference.inputs import InputDocument
from atlop.prediction import UnscoredDocument, make_batches, try_batches
from atlop.preprocessing import Features
from atlop.schema import Document
from atlop.scores import DocumentScores

MAX_WAITING = 64
"""Chunks that may be finished but not taken, before the stream waits for the first."""


@dataclass
class _Chunk(Generic[Output]):
    """A chunk that was read."""

    number: int
    features: "Future[list[Features]]"
    found: dict[int, Found] = field(default_factory=dict)
    output: "Future[Output] | None" = None


class ExtractionStream(Generic[Output]):
    """One pass over chunks of documents, whose indices are distinct over all of them."""

    def __init__(
        self,
        ensemble: Ensemble,
        hosting: Hosting,
        finish: Finish[Output],
        *,
        accelerator: Accelerator,
        group_by: str | None,
        explain: bool,
        fusion_cost: FusionCost,
    ):
        """Prepare the pass.

        Args:
            ensemble: A single model on the accelerator's device, with its rule.
            hosting: Reads documents and describes facts; in this process, for `explain` and for fusion.
            finish: Makes something of the results of a chunk.
            accelerator: Device and precision.
            group_by: Key by which ungrouped mentions are grouped.
            explain: Whether to add the words that the model read.
            fusion_cost: Adds up what fusion reads.
        """
        self._ensemble, self._hosting, self._finish = ensemble, hosting, finish
        self._accelerator, self._group_by, self._explain = accelerator, group_by, explain
        self._fusion_cost = fusion_cost
        self._is_fused = ensemble.rule.decision.use == "fusion"
        self._waiting: deque[_Chunk[Output]] = deque()
        self._chunk_of: dict[int, _Chunk[Output]] = {}
        self._documents: dict[int, Document] = {}

    def run(self, chunks: Iterable[list[InputDocument]]) -> Iterator[Output]:
        """Yield what `finish` makes of the results of each chunk, in order."""
        scores = self._scores(chunks)
        for scored in self._ensemble.ready(self._documents, scores, accelerator=self._accelerator):
            if self._is_fused:
                self._fusion_cost.add(self._documents[scored.index], scored)
            self._add(scored.index, self._found(scored))
            yield from self._finished()
        while self._waiting:
            yield self._take()

    def _batches(self, chunks: Iterable[list[InputDocument]]) -> Iterator[list[Features]]:
        reading: deque[_Chunk[Output]] = deque()
        for number, inputs in zip(count(), chunks):
            reading.append(_Chunk(number, self._hosting.read(number, inputs, self._group_by)))
            if len(reading) > self._hosting.ahead:
                yield from self._chunk_batches(reading.popleft())
        while reading:
            yield from self._chunk_batches(reading.popleft())

    def _chunk_batches(self, chunk: _Chunk[Output]) -> list[list[Features]]:
        features = chunk.features.result()
        self._waiting.append(chunk)
        for each in features:
            self._chunk_of[each.index] = chunk
            if self._is_fused or self._explain:
                self._documents[each.index] = self._hosting.host.document(chunk.number, each.index)
        if not features:
            self._submit(chunk)
        return make_batches(features, device=self._accelerator.device)

    def _scores(self, chunks: Iterable[list[InputDocument]]) -> Iterator[DocumentScores]:
        [member] = self._ensemble.members
        scores = try_batches(
            member.model,
            self._batches(chunks),
            accelerator=self._accelerator,
            rule=None if self._is_fused else self._ensemble.rule,
            keep_attention=self._explain,
        )
        for scored in scores:
            if isinstance(scored, UnscoredDocument):
                self._add(scored.index, scored.reason)
            else:
                yield scored

    def _found(self, scored: DocumentScores) -> FoundFacts:
        found = FoundFacts.from_scores(scored, rule=self._ensemble.rule)
        if self._explain and not len(found.pairs):
            found = FoundFacts.near_misses(scored, rule=self._ensemble.rule)
        if scored.attention is None or not len(found.pairs):
            return found
        document, pairs = (
            self._documents[scored.index],
            [(subject, object_) for subject, object_ in found.pairs.tolist()],
        )
        words = self._hosting.host.preprocessor.token_words(document)
        contexts = pair_contexts(pairs, document=document, attention=scored.attention, words=words)
        return replace(found, contexts=contexts)

    def _add(self, index: int, found: Found) -> None:
        chunk = self._chunk_of.pop(index)
        self._documents.pop(index, None)
        chunk.found[index] = found
        if len(chunk.found) == len(chunk.features.result()):
            self._submit(chunk)

    def _submit(self, chunk: _Chunk[Output]) -> None:
        found: Mapping[int, Found] = chunk.found
        chunk.output = self._hosting.finish(chunk.number, found, self._finish)

    def _finished(self) -> Iterator[Output]:
        while self._waiting and (output := self._waiting[0].output) is not None:
            if not output.done() and len(self._waiting) < MAX_WAITING:
                return
            yield self._take()

    def _take(self) -> Output:
        output = self._waiting.popleft().output
        assert output is not None, "every document of the chunk was scored"
        return output.result()
