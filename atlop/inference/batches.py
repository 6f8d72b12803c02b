"""Batches of documents to the same with their facts: what Ray Data, Hugging Face datasets and Spark call."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from atlop.config import Precision
from atlop.errors import AtlopError
from atlop.inference.extractor import RelationExtractor
from atlop.inference.facts import ExtractionResult
from atlop.inference.inputs import READ_KEYS, InputDocument, without_nulls

_PARTICIPANT = pa.struct(
    {
        "entity": pa.int32(),
        "name": pa.string(),
        "type": pa.string(),
        "id": pa.string(),
        "mentions": pa.list_(pa.list_(pa.int64())),
    }
)
_SENTENCE = {"sentence": pa.int32(), "start": pa.int64(), "end": pa.int64()}
_FACT = pa.struct(
    {
        "subject": _PARTICIPANT,
        "relation": pa.string(),
        "relation_name": pa.string(),
        "object": _PARTICIPANT,
        "margin": pa.float64(),
        "probability": pa.float64(),
        "evidence": pa.list_(pa.struct({**_SENTENCE, "text": pa.string(), "share": pa.float64()})),
        "context": pa.struct(
            {
                "words": pa.list_(pa.struct({"word": pa.string(), **_SENTENCE, "weight": pa.float64()})),
                "share_of_words": pa.float64(),
            }
        ),
    }
)
ADDED = pa.schema({"facts": pa.list_(_FACT), "unread_mentions": pa.int64(), "error": pa.string()})
"""The columns that are added: facts as in JSON lines, `null` for an invalid document; mentions beyond the model's
maximum length; what is wrong with the document."""


@dataclass(frozen=True)
class ExtractBatches:
    """Adds the facts to batches of documents, a row each; each process loads the model once, with its first batch.

    A batch has the columns `text` and, without a recogniser, `entities`, as the JSON lines format has them; `title`,
    `words`, `pairs` and `directed` are read too, and all columns are kept. An invalid document has a message in the
    column `error`. Arguments are those of `RelationExtractor`, by name, so that they reach any process.

    Example:
        >>> dataset.with_format("arrow").map(ExtractBatches("runs/own"), batched=True)
    """

    model: str
    """Run folder, model folder, or name on the Hugging Face hub."""
    decision: str | None = None
    precision: Precision = "auto"
    device: str | None = None
    ner: str | None = None
    group_by: str | None = None
    explain: bool = False

    def __call__(self, batch: pa.Table | Mapping[str, Any]) -> Any:
        """Return a batch with the columns of `ADDED`: an Arrow table, or columns by name.

        Raises:
            AtlopError: It has no column `text`, or one of its own with the name of an added one, or the model cannot
                be loaded.
        """
        if not isinstance(batch, pa.Table):
            return self(pa.table(dict(batch))).to_pydict()
        columns = [name for name in READ_KEYS if name in batch.column_names]
        if "text" not in columns:
            raise AtlopError(f"expected the columns text and entities; found {', '.join(batch.column_names) or 'none'}")
        rows = map(without_nulls, batch.select(columns).to_pylist())
        named = (InputDocument(index, f"row {index} of its batch", "", row) for index, row in enumerate(rows))
        results = [result.as_json() for result in self.results(named)]
        taken = [name for name in ADDED.names if name in batch.column_names]
        if taken and len(taken) < len(ADDED.names):  # all of them are of an earlier call, and are made anew
            raise AtlopError(f"the column {taken[0]!r} has the name of one that is added; rename or drop it first")
        batch = batch.drop_columns(taken)
        for field in ADDED:
            batch = batch.append_column(field, pa.array([row.get(field.name) for row in results], field.type))
        return batch

    def map_in_arrow(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches with the columns of `ADDED`, as Spark's `mapInArrow` calls it."""
        for batch in batches:
            yield from self(pa.Table.from_batches([batch])).to_batches()

    def load(self) -> RelationExtractor:
        """Load the model now rather than with the first batch, and return it.

        Raises:
            AtlopError: It cannot be loaded.
        """
        return _extractor(self)

    def results(self, documents: Iterable[InputDocument]) -> Iterator[ExtractionResult]:
        """Yield the result of each document, in order.

        Raises:
            AtlopError: The model cannot be loaded.
        """
        return _extractor(self).extract(documents, group_by=self.group_by, explain=self.explain)


@lru_cache(maxsize=1)
def _extractor(settings: ExtractBatches) -> RelationExtractor:
    """Load a model once in each process, which keeps the last one."""
    return RelationExtractor.from_pretrained(
        settings.model,
        decision=settings.decision,
        precision=settings.precision,
        device=settings.device,
        ner=settings.ner,
    )
