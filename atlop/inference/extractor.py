"""A trained model applied to text and entities, one document or a stream of them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from atlop.config import Precision
from atlop.corpora import parse_document
from atlop.corpora.formats.json_lines.reader import EXPECTED
from atlop.corpora.json_objects import parse_json_object
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.inference.explanation import pair_contexts
from atlop.inference.facts import (
    DIGITS,
    ExtractedFact,
    Extraction,
    ExtractionError,
    ExtractionResult,
    mentioning_sentences,
    participant,
)
from atlop.json_values import as_json_value
from atlop.model import AtlopModel
from atlop.model_folder import load_model, preprocessor_for, save_model
from atlop.prediction import DecisionRule, DocumentScores, batches_by_length, score_batches
from atlop.preprocessing import Features
from atlop.schema import Document

BATCHES_PER_CHUNK = 16
"""Batches whose documents are sorted by length together: what `pipe` holds of a stream in memory."""

Input: TypeAlias = Document | Mapping[str, Any] | tuple[str, Sequence[object]] | bytes
"""A document; an object in the JSON lines format, whose `entities` may be ungrouped mentions; a text with such
entities; or a line of JSON with such an object."""


@dataclass(frozen=True, slots=True)
class InputDocument:
    """A document to extract from, with its name in messages and results."""

    index: int
    where: str
    """Its name in error messages."""
    title: str
    """Its title, if it has none of its own."""
    content: Input


class RelationExtractor:
    """Finds facts in text with given entities.

    Another process gets it by the folder or name of its model, which it loads again. A forked process may use it, with
    one thread.

    Example:
        >>> extractor = RelationExtractor.from_pretrained("runs/sample")
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
        """Move a model to its device.

        Args:
            model: The model.
            tokenizer: Its tokenizer.
            precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
            device: `cpu`, `cuda` or `cuda:N`; by default the GPU, if there is one.
            batch_size: Documents in a batch.

        Raises:
            AtlopError: The device does not exist or does not support the precision, or the model's calibration is
                damaged.
        """
        self.accelerator = accelerator_for(precision, device=device)
        self.precision = self.accelerator.precision
        self.batch_size = batch_size
        self.model = model.to(self.accelerator.device)
        self.tokenizer = tokenizer
        self._options: Any = {"precision": precision, "device": device, "batch_size": batch_size}
        self._name: str | None = None
        self._process = os.getpid()
        self._preprocessor = preprocessor_for(model, tokenizer)
        self._calibration = model.config.calibrated
        self._rule = DecisionRule.from_model(model, calibration=self._calibration)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, precision: Precision = "auto", device: str | None = None, batch_size: int = 8
    ) -> "RelationExtractor":
        """Load a model from a run folder (its `best/`), a model folder or the Hugging Face hub.

        Raises:
            AtlopError: There is no such model, or the device does not exist or does not support the precision.
        """
        model, tokenizer = load_model(name)
        extractor = cls(model, tokenizer, precision=precision, device=device, batch_size=batch_size)
        extractor._name = str(Path(name).absolute() if Path(name).is_dir() else name)
        return extractor

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name, or by the weights of a model without one."""
        if self._name is None:
            return partial(type(self), **self._options), (self.model, self.tokenizer)
        return partial(type(self).from_pretrained, **self._options), (self._name,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "RelationExtractor":
        """Copy the weights as they are now."""
        return type(self)(deepcopy(self.model, memo), self.tokenizer, **self._options)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder."""
        save_model(Path(folder), model=self.model, tokenizer=self.tokenizer)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal sha256 of configuration and weights, which identifies the model."""
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
            entities: Entities, each a list of mentions `(start, end)` in characters, end one past the last, or an
                object of the JSON lines format with `mentions`, `type` and `id`. Or ungrouped mentions, each
                `(start, end)` or an object with `start`, `end` and optionally `type` and `id`.
            title: Name of the text in messages.
            group_by: Key by which ungrouped mentions are grouped, for example `id`; by default by identical text.
            explain: Whether to add the words and sentences that the model read for each fact.

        Raises:
            AtlopError: A mention is malformed or outside the text.
        """
        document = InputDocument(0, title, title, (text, entities))
        (result,) = self.extract([document], group_by=group_by, explain=explain)
        if isinstance(result, ExtractionError):
            raise AtlopError(result.message)
        return list(result.facts)

    def pipe(
        self, documents: Iterable[Input], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[ExtractionResult]:
        """Yield the result of each document in order: an error for one that is invalid or too large.

        Args:
            documents: Any iterable; at most 16 batches are in memory, within which documents are batched by length.
            group_by: Key by which ungrouped mentions are grouped; by default by identical text.
            explain: Whether to add the words and sentences that the model read for each fact.
        """
        named = (
            InputDocument(index, f"document {index}", f"document {index}", each) for index, each in enumerate(documents)
        )
        return self.extract(named, group_by=group_by, explain=explain)

    def extract(
        self, documents: Iterable[InputDocument], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[ExtractionResult]:
        """Do the same as `pipe` for documents with numbers and names of their own."""
        if self._process != os.getpid():  # forked, without the threads that may have computed before
            self._process = os.getpid()
            torch.set_num_threads(1)
        documents = iter(documents)
        while chunk := list(islice(documents, BATCHES_PER_CHUNK * self.batch_size)):
            yield from self._extract(chunk, group_by=group_by, explain=explain)

    def _extract(self, inputs: list[InputDocument], *, group_by: str | None, explain: bool) -> list[ExtractionResult]:
        results: dict[int, ExtractionResult] = {}
        documents: dict[int, Document] = {}
        for item in inputs:
            try:
                documents[item.index] = read_document(item, group_by=group_by)
            except AtlopError as error:
                results[item.index] = ExtractionError(item.index, str(error))
        features = {
            index: replace(preprocessed, index=index)
            for index, preprocessed in zip(documents, self._preprocessor.preprocess(documents.values()), strict=True)
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
                    unread_mentions=features[index].truncated_mentions,
                )
        return [results[item.index] for item in inputs]

    def _scores(self, batch: list[Features], *, explain: bool) -> Iterator[DocumentScores | ExtractionError]:
        """Yield the scores of each document of a batch, or an error for one that the model cannot score."""
        try:
            yield from list(score_batches(self.model, [batch], accelerator=self.accelerator, keep_attention=explain))
        except AtlopError as error:
            if len(batch) == 1:
                yield ExtractionError(batch[0].index, str(error))
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
            contexts = pair_contexts(pairs, document=document, attention=scored.attention, words=words)
        entities = {*chain(*pairs)}
        participants = {entity: participant(document, entity) for entity in entities}
        sentences = {entity: mentioning_sentences(document, entity) for entity in entities}
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


def read_document(document: InputDocument, *, group_by: str | None) -> Document:
    """Convert any form of `Input` to a document.

    Raises:
        AtlopError: The input is invalid.
    """
    value, where = document.content, document.where
    if isinstance(value, Document):
        return value
    if isinstance(value, bytes):
        value = parse_json_object(value, expected=EXPECTED, where=where)
    if isinstance(value, Mapping):
        record = as_json_value(value)
    elif isinstance(value, tuple) and len(value) == 2:
        record = as_json_value({"text": value[0], "entities": value[1]})
    else:
        raise AtlopError(f"{where}: expected a text with its entities, or an object with both; found {value!r:.60}")
    return parse_document(record, title=document.title, where=where, group_by=group_by)[0]
