"""Extract from a stream of chunks of documents: some are read, some scored, and some finished at any time."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from typing import Generic

from accelerate import Accelerator

from atlop.ensemble import Ensemble
from atlop.fusion import FusionCost
from atlop.inference.explanation import pair_contexts
from atlop.inference.found import FoundFacts
from atlop.inference.host import Finish, Found, Hosting, Output
from atlop.inference.inputs import InputDocument
from atlop.prediction import make_batches, try_batches
from atlop.preprocessing import Features
from atlop.schema import Document
from atlop.scores import DocumentScores, UnscoredDocument

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
        # A chunk without a valid document ends a pass of the model, so that what is finished is yielded meanwhile.
        for has_features, features in groupby(self._features(chunks), key=bool):
            if has_features:
                for tried in self._tried(features):
                    self._add(tried)
                    yield from self._finished()
            else:
                for _ in features:
                    yield from self._finished()
        while self._waiting:
            yield self._take()

    def _features(self, chunks: Iterable[list[InputDocument]]) -> Iterator[list[Features]]:
        """Yield the features of the valid documents of each chunk, while others are read."""
        reading: deque[_Chunk[Output]] = deque()
        for number, inputs in zip(count(), chunks):
            reading.append(_Chunk(number, self._hosting.read(number, inputs, self._group_by)))
            if len(reading) > self._hosting.ahead:
                yield self._read(reading.popleft())
        while reading:
            yield self._read(reading.popleft())

    def _read(self, chunk: _Chunk[Output]) -> list[Features]:
        features = chunk.features.result()
        self._waiting.append(chunk)
        for each in features:
            self._chunk_of[each.index] = chunk
            if self._is_fused or self._explain:
                self._documents[each.index] = self._hosting.host.document(chunk.number, each.index)
        if not features:
            self._submit(chunk)
        return features

    def _tried(self, features: Iterable[list[Features]]) -> Iterable[DocumentScores | UnscoredDocument]:
        """Score the documents of chunks, ready for the rule."""
        [member] = self._ensemble.members
        device = self._accelerator.device
        tried = try_batches(
            member.model,
            (batch for chunk in features for batch in make_batches(chunk, device=device)),
            accelerator=self._accelerator,
            rule=None if self._is_fused else self._ensemble.rule,
            keep_attention=self._explain,
        )
        return self._ensemble.try_ready(self._documents, tried, accelerator=self._accelerator)

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

    def _add(self, tried: DocumentScores | UnscoredDocument) -> None:
        index = tried.index
        found: Found = tried.reason if isinstance(tried, UnscoredDocument) else self._found(tried)
        if self._is_fused and isinstance(tried, DocumentScores):
            self._fusion_cost.add(self._documents[index], tried)
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
