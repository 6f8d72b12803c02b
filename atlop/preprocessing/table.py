"""Features of documents as an Arrow table: columns of ragged lists, which numpy reads where they lie."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlop.preprocessing.documents import Features, ordered_pairs

DOCUMENTS_OF_BATCH = 1000
"""Documents that are written at once."""

_LIST = pa.list_(pa.field("item", pa.int32(), nullable=False))
LISTS = (
    "input_ids",
    "mention_positions",
    "mention_entities",
    "mention_types",
    "sentence_tokens",
    "pairs",
    "label_rows",
    "label_relations",
    "evidence_labels",
    "evidence_sentences",
)
"""Columns that hold a list for each document."""
COUNTS = ("entities", "lost_mentions", "lost_entities", "lost_facts", "directed")
"""Columns that hold a number for each document."""
SCHEMA = pa.schema(
    [
        pa.field("title", pa.binary(), nullable=False),
        # `pairs` is subject, object, subject, …; null says that it is all ordered pairs. `sentence_tokens` is the
        # number of special tokens before the text, of the tokens of each sentence, and of special tokens after it.
        *(pa.field(name, _LIST, nullable=name == "pairs") for name in LISTS),
        *(pa.field(name, pa.int32(), nullable=False) for name in COUNTS),
    ]
)
"""One row for each document; a label's relation is its number among the corpus's relations."""


def write_table(sink: pa.NativeFile, documents: Iterable[Features]) -> None:
    """Write documents as an Arrow IPC file.

    Args:
        sink: Where the bytes go.
        documents: Of a preprocessor that numbers relations and types as they come.

    Raises:
        OSError: The bytes cannot be written.
    """
    remaining = iter(documents)
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        while batch := list(islice(remaining, DOCUMENTS_OF_BATCH)):
            writer.write_batch(_record_batch(batch))


def text_of(title: pa.BinaryScalar) -> str:
    """Return a stored title."""
    text: str = title.as_py().decode("utf-8", "surrogatepass")
    return text


def _record_batch(documents: Sequence[Features]) -> pa.RecordBatch:
    listed: dict[str, Callable[[Features], NDArray[np.int32] | None]] = {
        "input_ids": lambda document: document.input_ids,
        "mention_positions": lambda document: document.mention_positions,
        "mention_entities": lambda document: document.mention_entities,
        "mention_types": lambda document: document.mention_types,
        "sentence_tokens": lambda document: sentence_tokens(document.token_sentences),
        "pairs": _listed_pairs,
        "label_rows": lambda document: _once(document, document.labels)[:, 0],
        "label_relations": lambda document: _once(document, document.labels)[:, 1],
        "evidence_labels": lambda document: _once(document, document.evidence)[:, 0],
        "evidence_sentences": lambda document: _once(document, document.evidence)[:, 1],
    }
    # JSON can say half a surrogate pair, and Arrow's strings cannot.
    columns = [pa.array([document.title.encode("utf-8", "surrogatepass") for document in documents], pa.binary())]
    columns += [_ragged(map(listed[name], documents)) for name in LISTS]
    columns += [pa.array([int(getattr(document, name)) for document in documents], pa.int32()) for name in COUNTS]
    return pa.record_batch(columns, schema=SCHEMA)


def _listed_pairs(document: Features) -> NDArray[np.int32] | None:
    """Return a document's pairs as one row, or nothing where they are all ordered pairs."""
    if np.array_equal(document.pairs, ordered_pairs(document.entities)):
        return None
    return document.pairs.reshape(-1)


def _once(document: Features, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return labels or evidence, of an undirected document those of the first order of each pair, which come first."""
    return rows if document.directed else rows[: len(rows) // 2]


def sentence_tokens(token_sentences: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the length of each run of `Features.token_sentences`: special tokens, sentences, special tokens.

    Sentences without tokens are runs of length 0; those beyond the cut are left out.
    """
    own = np.flatnonzero(token_sentences >= 0)
    first, stop = (own[0], own[-1] + 1) if len(own) else (len(token_sentences), len(token_sentences))
    counts = np.bincount(token_sentences[own])
    return np.array([first, *counts, len(token_sentences) - stop], dtype=np.int32)


def token_sentences(sentence_tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what `sentence_tokens` was made of."""
    sentences = np.arange(-1, len(sentence_tokens) - 1, dtype=np.int32)
    sentences[-1] = -1
    return np.repeat(sentences, sentence_tokens)


def _ragged(rows: Iterator[NDArray[np.int32] | None]) -> pa.ListArray:
    """Return a column of lists, null where there is none."""
    values = list(rows)
    lengths = [0 if row is None else len(row) for row in values]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate([np.empty(0, np.int32), *(row for row in values if row is not None)])
    missing = [row is None for row in values]
    return pa.ListArray.from_arrays(offsets, flat, type=_LIST, mask=pa.array(missing) if any(missing) else None)
