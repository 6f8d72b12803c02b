"""Teachers' margins of the pairs of a corpus on disk: sparse, with checksums, mapped into memory."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlop.errors import AtlopError
from atlop.files import atomic_path, file_sha256, read_json, write_json
from atlop.json_values import typed
from atlop.preprocessing.corpus import PreprocessedCorpus
from atlop.preprocessing.mapped import MappedTable
from atlop.preprocessing.supervision import Margins
from atlop.preprocessing.table import DOCUMENTS_PER_BATCH, decode_title

FLOOR = -8.0
"""Margins up to it are not stored and count as it: the probability of the relation is at most 0.03 %."""

_SCHEMA = pa.schema(
    [
        pa.field("title", pa.binary(), nullable=False),
        pa.field("pairs", pa.int32(), nullable=False),
        pa.field("indices", pa.list_(pa.field("item", pa.int32(), nullable=False)), nullable=False),
        pa.field("values", pa.list_(pa.field("item", pa.float32(), nullable=False)), nullable=False),
        pa.field("shares", pa.list_(pa.field("item", pa.float16(), nullable=False)), nullable=False),
    ]
)
"""One row for each document; `indices` and `values` are those of `Margins`, `shares` row by row."""


@dataclass(frozen=True)
class MarginsOrigin:
    """What stored margins depend on."""

    relations: tuple[str, ...]
    """Relation ids in the order of their class ids 1, 2, …"""
    documents: str
    """The sha256 of the files of the corpus."""
    teachers: dict[str, str]
    """The digest of each teacher by its folder, which is relative to that of the store, or absolute."""
    floor: float = FLOOR


@dataclass(frozen=True)
class TeacherScores:
    """What teachers say of a document."""

    title: str
    margins: NDArray[np.float32]
    """`[pairs, relations]`"""
    shares: NDArray[np.float32]
    """Share of each sentence in the context of each pair, `[pairs, sentences]`; no columns without context."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A document as it is stored; its arrays share no memory with the teachers' scores."""

    title: bytes
    pairs: int
    indices: NDArray[np.int32]
    """Positions of the margins above the floor in `[pairs, relations]`, row by row; `[stored]`."""
    values: NDArray[np.float32]
    """Those margins, `[stored]`."""
    shares: NDArray[np.float16]
    """As in `TeacherScores`, row by row; `[pairs · sentences]`."""


@dataclass(frozen=True)
class _Content:
    """What the metadata of a store holds."""

    table_sha256: str
    origin: MarginsOrigin


def write_margins(stem: Path, documents: Iterable[TeacherScores], *, origin: MarginsOrigin) -> None:
    """Write a store: `stem.arrow`, then its metadata, `stem.json`; each is atomic, and both must match to be read.

    Args:
        stem: Path of the store.
        documents: The documents in their order.
        origin: What they depend on.
    """
    table, remaining = stem.with_suffix(".arrow"), map(_row, documents)  # what is dense goes as each document comes
    with (
        atomic_path(table) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, _SCHEMA) as writer,
    ):
        while batch := list(islice(remaining, DOCUMENTS_PER_BATCH)):
            writer.write_batch(_record_batch(batch))
    write_json(stem.with_suffix(".json"), asdict(_Content(file_sha256(table), origin)))


class MarginStore:
    """The margins of each document of a corpus, read from disk when they are used."""

    def __init__(self, stem: Path):
        """Open a store.

        Raises:
            AtlopError: A file is missing, damaged or of another version.
        """
        self.path = stem.with_suffix(".arrow")
        metadata = stem.with_suffix(".json")
        advice = "remove the two files, which are then written again"
        content = typed(read_json(metadata), _Content, where=str(metadata), advice=advice)
        self.sha256, self.origin = content.table_sha256, content.origin
        if file_sha256(self.path) != self.sha256:
            raise AtlopError(f"{self.path}: does not match its sha256 in {metadata.name}; {advice}")
        if self.origin.floor != FLOOR:
            raise AtlopError(f"{metadata}: margins start at {self.origin.floor}, expected {FLOOR}; {advice}")
        try:
            self._mapped = MappedTable(self.path)
        except (OSError, pa.ArrowException) as error:
            raise AtlopError(f"{self.path}: cannot be read: {error}; {advice}") from None
        if self._mapped.table.schema != _SCHEMA:
            raise AtlopError(f"{self.path}: has other columns than margins have; {advice}")
        batches = self._mapped.table.to_batches()
        self._batches = [_Columns(batch) for batch in batches]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Margins:
        """Return the margins of a document, in memory.

        Raises:
            AtlopError: They are not margins of its pairs.
        """
        indices, values = self._copied("indices", index), self._copied("values", index)
        rows, relations = np.divmod(indices, len(self.origin.relations))
        if len(indices) != len(values) or (len(rows) and not 0 <= rows.min() <= rows.max() < self._pairs(index)):
            raise self._other_pairs(index)
        self._mapped.release()
        return Margins(np.stack([rows, relations + 1], axis=1).astype(np.int32), values)

    @property
    def has_shares(self) -> bool:
        """Whether any pair has shares of sentences."""
        return any(batch.has_values("shares") for batch in self._batches)

    def shares(self, index: int) -> NDArray[np.float32]:
        """Return the share of each sentence in the context of each pair of a document, `[pairs, sentences]`, in memory.

        Raises:
            AtlopError: They are not shares of its pairs.
        """
        shares, pairs = self._copied("shares", index), self._pairs(index)
        if len(shares) % max(1, pairs):
            raise self._other_pairs(index)
        self._mapped.release()
        return shares.astype(np.float32).reshape(pairs, len(shares) // max(1, pairs))

    def _pairs(self, index: int) -> int:
        return int(self._mapped.table["pairs"][index].as_py())

    def _copied(self, column: str, index: int) -> NDArray[Any]:
        batch = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._batches[batch].copied(column, index - int(self._starts[batch]))

    def _other_pairs(self, index: int) -> AtlopError:
        return AtlopError(f"{self.path}, document {index}: has margins of other pairs; remove the file")

    def check(self, corpus: PreprocessedCorpus, *, relations: Sequence[str], documents: str, name: Path) -> None:
        """Check that the margins are those of a corpus and of the relations of a model.

        Args:
            corpus: The documents.
            relations: Relation ids of the model, in the order of their class ids.
            documents: The sha256 of the files of the corpus, as in `MarginsOrigin`.
            name: Path of the corpus.

        Raises:
            AtlopError: They are of others; says of which.
        """
        theirs = self.origin.relations
        if tuple(relations) != theirs:
            different = sorted(set(relations) ^ set(theirs))
            raise AtlopError(
                f"{self.path}: the teachers know {len(theirs)} relations, but this run has {len(relations)}"
                + (f" (only one of them has {', '.join(different[:8])})" if different else " in another order")
                + "; give all runs the same data.relations"
            )
        advice = f"expected those of {name}; compute the margins again"
        if len(self) != len(corpus):
            raise AtlopError(f"{self.path}: has margins of {len(self):,} documents, found {len(corpus):,}; {advice}")
        titles, pairs = (self._mapped.table[name] for name in ("title", "pairs"))
        same_titles = pc.equal(titles, corpus.titles).to_numpy()
        if len(others := np.flatnonzero(~(same_titles & (pairs.to_numpy() == corpus.pair_counts)))):
            index = int(others[0])
            raise AtlopError(
                f'{self.path}, document {index}: has margins of "{decode_title(titles[index])}" with '
                f'{pairs[index].as_py():,} pairs, found "{corpus[index].title}" with {corpus.pair_counts[index]:,}; '
                f"{advice}"
            )
        if self.origin.documents != documents:
            raise AtlopError(f"{self.path}: {name} has changed since the margins were computed; compute them again")
        self._mapped.release()


class _Columns:
    """The columns of a record batch as numpy arrays over its memory."""

    def __init__(self, batch: pa.RecordBatch):
        self._lists = {
            name: (batch.column(name).offsets.to_numpy(), batch.column(name).values.to_numpy())
            for name in ("indices", "values", "shares")
        }

    def copied(self, column: str, row: int) -> NDArray[Any]:
        offsets, values = self._lists[column]
        copied: NDArray[Any] = values[offsets[row] : offsets[row + 1]].copy()
        return copied

    def has_values(self, column: str) -> bool:
        offsets, _ = self._lists[column]
        return bool(offsets[-1] > offsets[0])


def _row(document: TeacherScores) -> _Row:
    indices = np.flatnonzero(document.margins > FLOOR).astype(np.int32)
    title, values = document.title.encode("utf-8", "surrogatepass"), document.margins.ravel()[indices]
    return _Row(title, len(document.margins), indices, values, document.shares.astype(np.float16).ravel())


def _record_batch(rows: Sequence[_Row]) -> pa.RecordBatch:
    columns = [
        pa.array([row.title for row in rows], pa.binary()),
        pa.array([row.pairs for row in rows], pa.int32()),
        *(_list_array([getattr(row, name) for row in rows], name=name) for name in ("indices", "values", "shares")),
    ]
    return pa.record_batch(columns, schema=_SCHEMA)


def _list_array(rows: Sequence[NDArray[Any]], *, name: str) -> pa.ListArray:
    type_, ends = _SCHEMA.field(name).type, pa.array(np.cumsum([0, *map(len, rows)]), pa.int32())
    values = np.concatenate(rows).astype(type_.value_type.to_pandas_dtype(), copy=False)
    return pa.ListArray.from_arrays(ends, pa.array(values), type=type_)
