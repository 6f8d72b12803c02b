"""A preprocessed corpus as a table, which may be mapped from disk."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlop.preprocessing.features import Features, Truncation
from atlop.preprocessing.pairs import label_both_orders, ordered_pairs
from atlop.preprocessing.table import COUNTS, LISTS, decode_title, token_sentences
from atlop.preprocessing.vocabularies import TypeVocabulary
from atlop.schema import CorpusIssues, RelationUse, RelationVocabulary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CorpusMetadata:
    """A preprocessed corpus without its documents."""

    relations: tuple[str, ...]
    """Relation ids in order of first appearance."""
    types: tuple[str, ...]
    """Types of entities in order of first appearance."""
    unlabelled: int
    """Number of documents without labels."""
    issues: CorpusIssues
    texts: str = ""
    """`Document.text_digest` of each document with words, one after the other."""

    def text_digests(self) -> NDArray[np.uint64]:
        """Return `texts` as numbers, `[documents with words]`."""
        return np.frombuffer(bytes.fromhex(self.texts), np.uint64)


class PreprocessedCorpus(Sequence[Features]):
    """Features over an Arrow table; a document's arrays are views of it, made on access.

    The table is independent of a model: labels hold indices into `metadata.relations` and entities such into
    `metadata.types`, and ids that a model knows only after `with_vocabulary`.
    """

    def __init__(self, table: pa.Table, metadata: CorpusMetadata, *, release: Callable[[], None] = lambda: None):
        """Keep a table with schema `atlop.preprocessing.table.SCHEMA`, and its metadata.

        `release` gives back the memory of what was read from disk.
        """
        self.metadata = metadata
        self.release = release
        self._table = table
        self._batches = [_Columns(batch) for batch in table.to_batches()]
        self._starts = np.cumsum([0, *(batch.rows for batch in self._batches)])
        self._classes = np.arange(len(metadata.relations), dtype=np.int32)
        self._types = np.array([*range(len(metadata.types)), -1], dtype=np.int32)  # the last one is that of −1

    def with_vocabulary(
        self, vocabulary: RelationVocabulary, *, types: TypeVocabulary | None = None
    ) -> "PreprocessedCorpus":
        """Return the corpus with class ids as labels and ids of types; facts of other relations become unknown."""
        corpus = PreprocessedCorpus(self._table, self.metadata, release=self.release)
        corpus._classes = np.array(
            [vocabulary.class_of(relation) if relation in vocabulary else -1 for relation in self.metadata.relations],
            dtype=np.int32,
        )
        known = [-1 if types is None else types.class_of(name) for name in self.metadata.types]
        corpus._types = np.array([*known, -1], dtype=np.int32)
        return corpus

    def take(self, rows: NDArray[np.int64]) -> "PreprocessedCorpus":
        """Return some of the documents, in memory."""
        corpus = PreprocessedCorpus(self._table.take(rows), self.metadata)
        corpus._classes, corpus._types = self._classes, self._types
        return corpus

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, index: int) -> Features: ...
    @overload
    def __getitem__(self, index: slice) -> list[Features]: ...
    def __getitem__(self, index: int | slice) -> Features | list[Features]:
        """Return the features of a document, or of several as a list."""
        rows = range(len(self))[index]
        return [self._document(row) for row in rows] if isinstance(rows, range) else self._document(rows)

    def __iter__(self) -> Iterator[Features]:
        return map(self._document, range(len(self)))

    @property
    def titles(self) -> pa.ChunkedArray:
        """Title of each document, UTF-8."""
        return self._table["title"]

    @cached_property
    def token_counts(self) -> NDArray[np.int64]:
        """Tokens of each document, special tokens included, `[documents]`."""
        return self._lengths("input_ids")

    @cached_property
    def pair_counts(self) -> NDArray[np.int64]:
        """Pairs of each document, `[documents]`."""
        entities = self._column("entities").astype(np.int64)
        listed = self._table["pairs"].is_valid().to_numpy()
        return np.where(listed, self._lengths("pairs") // 2, entities * (entities - 1))

    def class_shares(self, classes: int) -> NDArray[np.float64]:
        """Return the share of all pairs that each of `classes` classes holds for, `[classes]`; 0 for TH."""
        numbers = pc.list_flatten(self._table["label_relations"]).to_numpy()
        orders = np.repeat(2 - self._column("directed"), self._lengths("label_relations"))
        class_ids = self._classes[numbers]
        known = class_ids >= 0
        counts = np.bincount(class_ids[known], weights=orders[known], minlength=classes)
        return counts / max(1, int(self.pair_counts.sum()))

    @property
    def has_evidence(self) -> bool:
        """Whether any fact has evidence."""
        return bool(self._lengths("evidence_labels").any())

    @property
    def truncation(self) -> Truncation:
        """What the maximum length costs."""
        mentions = self._column("truncated_mentions")
        return Truncation(
            documents=int(np.count_nonzero(mentions)),
            mentions=int(mentions.sum()),
            entities=int(self._column("unreachable_entities")[mentions > 0].sum()),
            facts=int(self._column("unreachable_facts")[mentions > 0].sum()),
        )

    @cached_property
    def relations(self) -> tuple[RelationUse, ...]:
        """The relations in order of first appearance, with the first fact and the number of facts of each."""
        numbers = pc.list_flatten(self._table["label_relations"]).to_numpy()
        found, first, facts = np.unique(numbers, return_index=True, return_counts=True)
        ends = np.cumsum(self._lengths("label_relations"))
        uses = []
        for number, label, count in zip(found.tolist(), first.tolist(), facts.tolist(), strict=True):
            index = int(np.searchsorted(ends, label, side="right"))
            columns, row = self._locate(index)
            rows, pairs = columns.row("label_rows", row), self._document(index).pairs
            subject, object_ = pairs[rows[label - int(ends[index])]].tolist()  # counted from the document's last label
            uses.append(
                RelationUse(self.metadata.relations[number], count, index, columns.title(row), subject, object_)
            )
        return tuple(uses)

    @property
    def unknown_facts(self) -> int:
        """Number of facts whose relation is not in the vocabulary."""
        class_ids = dict(zip(self.metadata.relations, self._classes.tolist(), strict=True))
        return sum(use.facts for use in self.relations if class_ids[use.relation] < 0)

    def _document(self, index: int) -> Features:
        columns, row = self._locate(index)
        entities = columns.count("entities", row)
        pairs = columns.row("pairs", row).reshape(-1, 2) if columns.lists_pairs(row) else ordered_pairs(entities)
        classes = self._classes[columns.row("label_relations", row)]
        directed = bool(columns.count("directed", row))
        known = classes >= 0
        labels = np.stack([columns.row("label_rows", row), classes], axis=1)[known]
        evidence = np.stack([columns.row("evidence_labels", row), columns.row("evidence_sentences", row)], axis=1)
        evidence = evidence[known[evidence[:, 0]]]
        renumbered = np.cumsum(known, dtype=np.int32) - 1  # unknown labels are left out
        evidence[:, 0] = renumbered[evidence[:, 0]]
        if not directed:
            labels, evidence = label_both_orders(labels, evidence)
        return Features(
            index=index,
            title=columns.title(row),
            input_ids=columns.row("input_ids", row),
            mention_positions=columns.row("mention_positions", row),
            mention_entities=columns.row("mention_entities", row),
            token_sentences=token_sentences(columns.row("sentence_tokens", row)),
            entities=entities,
            entity_types=self._types[columns.row("entity_types", row)],
            pairs=pairs,
            labels=labels,
            evidence=evidence,
            truncated_mentions=columns.count("truncated_mentions", row),
            unreachable_entities=columns.count("unreachable_entities", row),
            unreachable_facts=columns.count("unreachable_facts", row),
            unknown_facts=int(np.count_nonzero(~known)),
            directed=directed,
        )

    def _locate(self, index: int) -> "tuple[_Columns, int]":
        batch = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._batches[batch], index - int(self._starts[batch])

    def _column(self, name: str) -> NDArray[np.int32]:
        return np.asarray(self._table[name].to_numpy(), dtype=np.int32)

    def _lengths(self, name: str) -> NDArray[np.int64]:
        lengths = pc.fill_null(pc.list_value_length(self._table[name]), 0)
        return np.asarray(lengths.to_numpy(), dtype=np.int64)


def count_shared_texts(corpus: PreprocessedCorpus, *, path: Path, other: PreprocessedCorpus, other_path: Path) -> int:
    """Return how many texts of a scored corpus are also in one that is trained on; a warning says so."""
    if count := len(np.intersect1d(corpus.metadata.text_digests(), other.metadata.text_digests())):
        logger.warning("%s: %d texts are also in %s, so scores on them say little", path, count, other_path)
    return count


class _Columns:
    """The columns of a record batch as numpy arrays over its memory."""

    def __init__(self, batch: pa.RecordBatch):
        self.rows = batch.num_rows
        self._titles = batch.column("title")
        self._lists_pairs = batch.column("pairs").is_valid()
        self._counts: Mapping[str, NDArray[np.int32]] = {name: batch.column(name).to_numpy() for name in COUNTS}
        self._lists: Mapping[str, tuple[NDArray[np.int32], NDArray[np.int32]]] = {
            name: (batch.column(name).offsets.to_numpy(), batch.column(name).values.to_numpy()) for name in LISTS
        }

    def title(self, row: int) -> str:
        return decode_title(self._titles[row])

    def count(self, name: str, row: int) -> int:
        return int(self._counts[name][row])

    def lists_pairs(self, row: int) -> bool:
        return bool(self._lists_pairs[row].as_py())

    def row(self, name: str, row: int) -> NDArray[np.int32]:
        offsets, values = self._lists[name]
        return values[offsets[row] : offsets[row + 1]]
