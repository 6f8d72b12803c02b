"""A trained model applied to text and entities, one document or a stream of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from atlop.config import Precision
from atlop.corpora import document_of
from atlop.corpora.json_lines import FORMAT
from atlop.corpora.json_rows import object_of
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.inference.explanation import contexts_of
from atlop.inference.facts import (
    DIGITS,
    ExtractedFact,
    Extraction,
    ExtractionError,
    participant,
    sentences_of,
)
from atlop.inference.grouping import entities_of
from atlop.json_values import field
from atlop.model import AtlopModel
from atlop.model_folder import load_model, preprocessor_for, save_model
from atlop.prediction import DecisionRule, DocumentScores, batches_by_length, score_batches
from atlop.preprocessing import Features
from atlop.schema import Document

BATCHES_AT_ONCE = 16
"""Batches that are sorted by length together; so many documents of a stream are in memory."""

Input: TypeAlias = Document | Mapping[str, Any] | tuple[str, Sequence[object]] | bytes
"""A document; an object in the format of JSON lines, whose `entities` may be mentions that nobody has grouped; a text
with such entities; or a line of JSON that holds an object."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document to read, and how messages and results call it."""

    index: int
    where: str
    title: str
    """Where it has none of its own."""
    value: Input


class RelationExtractor:
    """Finds facts in text whose entities are known.

    Example:
        >>> extractor = RelationExtractor.from_pretrained("runs/sample/best")
        >>> facts = extractor("Skai TV is Greek. It is based in Piraeus.", [[(0, 7), (18, 20)], [(33, 40)]])
    """

    def __init__(
        self,
        model: AtlopModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        precision: Precision = "auto",
        device: str | None = None,
        batch_size: int = 8,
    ):
        """Put a model to work.

        Args:
            model: The model.
            tokenizer: Its own.
            precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
            device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
            batch_size: Documents in a batch.

        Raises:
            AtlopError: There is no such device, it cannot compute in this precision, or the model's calibration is
                damaged.
        """
        self.accelerator = accelerator_for(precision, device=device)
        self.precision = self.accelerator.precision
        self.batch_size = batch_size
        self.model = model.to(self.accelerator.device)
        self.tokenizer = tokenizer
        self._preprocessor = preprocessor_for(model, tokenizer)
        self._calibration = model.config.calibrated
        self._rule = DecisionRule.from_model(model, calibration=self._calibration)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, precision: Precision = "auto", device: str | None = None, batch_size: int = 8
    ) -> "RelationExtractor":
        """Load a model folder, or a model of that name on the Hugging Face hub.

        Raises:
            AtlopError: There is none, or the device is not there or cannot compute in this precision.
        """
        model, tokenizer = load_model(name)
        return cls(model, tokenizer, precision=precision, device=device, batch_size=batch_size)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder."""
        save_model(Path(folder), model=self.model, tokenizer=self.tokenizer)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal sha256 of configuration and weights: what the facts depend on besides documents and settings."""
        digest = sha256(self.model.config.to_json_string().encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def __call__(
        self,
        text: str,
        entities: Sequence[object],
        *,
        title: str = "the text",
        group_by: str | None = None,
        explain: bool = False,
    ) -> list[ExtractedFact]:
        """Return the facts of one text.

        Args:
            text: The text.
            entities: Each a list of mentions, a mention being `(start, end)` in characters, end one past the last; or
                an object as JSON lines have it, with `mentions`, `type` and `id`. Or lone mentions, `(start, end)`
                each or an object with `start`, `end` and, where known, `type` and `id`.
            title: What messages call the text.
            group_by: Key by which lone mentions are grouped, for example `id`; `None` groups those of identical text.
            explain: Whether each fact comes with the words and sentences that the model read for it.

        Raises:
            AtlopError: A mention is malformed or beyond the text.
        """
        source = Source(0, title, title, (text, entities))
        (found,) = self.extract([source], group_by=group_by, explain=explain)
        if isinstance(found, ExtractionError):
            raise AtlopError(found.message)
        return list(found.facts)

    def pipe(
        self, documents: Iterable[Input], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[Extraction | ExtractionError]:
        """Yield what is found in each document, in their order; an error for one that is invalid or too large.

        Args:
            documents: A list, or anything that yields them; no more than 16 batches are held at a time, and within
                these, documents of like length go together.
            group_by: Key by which lone mentions are grouped; `None` groups those of identical text.
            explain: Whether facts come with the words and sentences that the model read for them.
        """
        sources = (
            Source(index, f"document {index}", f"document {index}", value) for index, value in enumerate(documents)
        )
        return self.extract(sources, group_by=group_by, explain=explain)

    def extract(
        self, sources: Iterable[Source], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[Extraction | ExtractionError]:
        """Do what `pipe` does for documents that are numbered and named already."""
        sources = iter(sources)
        while window := list(islice(sources, BATCHES_AT_ONCE * self.batch_size)):
            yield from self._extract(window, group_by=group_by, explain=explain)

    def _extract(
        self, sources: list[Source], *, group_by: str | None, explain: bool
    ) -> list[Extraction | ExtractionError]:
        results: dict[int, Extraction | ExtractionError] = {}
        documents: dict[int, Document] = {}
        for source in sources:
            try:
                documents[source.index] = read_document(source, group_by=group_by)
            except AtlopError as problem:
                results[source.index] = ExtractionError(source.index, str(problem))
        features = {
            index: replace(of_document, index=index)
            for index, of_document in zip(documents, self._preprocessor.preprocess(documents.values()), strict=True)
        }
        for batch in batches_by_length(list(features.values()), batch_size=self.batch_size):
            for scored in self._scores(batch, explain=explain):
                if isinstance(scored, ExtractionError):
                    results[scored.document] = scored
                    continue
                index = scored.index
                results[index] = Extraction(
                    index,
                    title=documents[index].title,
                    facts=self._facts(documents[index], scored),
                    unread_mentions=features[index].lost_mentions,
                )
        return [results[source.index] for source in sources]

    def _scores(self, batch: list[Features], *, explain: bool) -> Iterator[DocumentScores | ExtractionError]:
        """Yield the scores of each document of a batch; an error for one that the model cannot score."""
        try:
            yield from list(score_batches(self.model, [batch], accelerator=self.accelerator, keep_attention=explain))
        except AtlopError as problem:
            if len(batch) == 1:
                yield ExtractionError(batch[0].index, str(problem))
                return
            for document in batch:
                yield from self._scores([document], explain=explain)

    def _facts(self, document: Document, scored: DocumentScores) -> tuple[ExtractedFact, ...]:
        facts = self._rule.facts(scored)
        if not facts:
            return ()
        vocabulary = self._rule.vocabulary
        pairs = [(fact.subject, fact.object) for fact in facts]
        row_of = np.full((len(document.entities), len(document.entities)), -1)
        row_of[scored.pairs[:, 0], scored.pairs[:, 1]] = np.arange(len(scored.pairs))
        rows = [int(row_of[pair]) for pair in pairs]
        classes = [vocabulary.class_of(fact.relation) for fact in facts]
        margins = self._rule.objective.margins(scored.scores[rows])[range(len(rows)), classes].numpy()
        probabilities = [None] * len(facts) if self._calibration is None else self._calibration.probability(margins)
        contexts = {}
        if scored.attention is not None:
            words = self._preprocessor.token_words(document)
            contexts = contexts_of(pairs, document=document, attention=scored.attention, words=words)
        entities = {*chain(*pairs)}
        participants = {entity: participant(document, entity) for entity in entities}
        sentences = {entity: sentences_of(document, entity) for entity in entities}
        return tuple(
            ExtractedFact(
                subject=participants[fact.subject],
                relation=fact.relation,
                relation_name=vocabulary.name_of(fact.relation),
                object=participants[fact.object],
                margin=round(float(margin), DIGITS),
                probability=None if probability is None else round(float(probability), DIGITS),
                sentences=tuple(sorted(sentences[fact.subject] & sentences[fact.object])),
                context=contexts.get(pair),
            )
            for fact, pair, margin, probability in zip(facts, pairs, margins, probabilities, strict=True)
        )


def read_document(source: Source, *, group_by: str | None) -> Document:
    """Return the document that was given in one of the forms of `Input`.

    Raises:
        AtlopError: It is invalid.
    """
    value, where = source.value, source.where
    if isinstance(value, Document):
        return value
    if isinstance(value, bytes):
        value = object_of(value, expected=FORMAT, where=where)
    if isinstance(value, Mapping):
        row = dict(value)
    elif isinstance(value, tuple) and len(value) == 2:
        row = {"text": value[0], "entities": value[1]}
    else:
        raise AtlopError(f"{where}: expected a text with its entities, or an object with both; found {value!r:.60}")
    text = field(row, "text", str, where=where)
    if "entities" in row:
        row["entities"] = entities_of(row["entities"], text=text, group_by=group_by, where=where)
    document, _ = document_of(row, title=source.title, where=where)
    return document
