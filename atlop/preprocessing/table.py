"""Features as an Arrow table, whose columns numpy reads without a copy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlop.preprocessing.features import Features
from atlop.preprocessing.pairs import ordered_pairs

DOCUMENTS_PER_BATCH = 1000
"""Documents of a record batch."""

_LIST = pa.list_(pa.field("item", pa.int32(), nullable=False))
LISTS: dict[str, Callable[[Features], NDArray[np.int32] | None]] = {
    "input_ids": lambda document: document.input_ids,
    "mention_positions": lambda document: document.mention_positions,
    "mention_entities": lambda document: document.mention_entities,
    "entity_types": lambda document: document.entity_types,
    "sentence_tokens": lambda document: sentence_tokens(document.token_sentences),
    "pairs": lambda document: _listed_pairs(document),
    "label_rows": lambda document: _first_order(document, document.labels)[:, 0],
    "label_relations": lambda document: _first_order(document, document.labels)[:, 1],
    "evidence_labels": lambda document: _first_order(document, document.evidence)[:, 0],
    "evidence_sentences": lambda document: _first_order(document, document.evidence)[:, 1],
}
"""Columns with a list for each document, and how it is made."""
COUNTS = ("entities", "truncated_mentions", "unreachable_entities", "unreachable_facts", "directed")
"""Columns with a number for each document."""
SCHEMA = pa.schema(
    [
        pa.field("title", pa.binary(), nullable=False),
        # `pairs` is subject, object, subject, …, or null for all ordered pairs. `sentence_tokens` counts the special
        # tokens before the text, the tokens of each sentence, and the special tokens after it.
        *(pa.field(name, _LIST, nullable=name == "pairs") for name in LISTS),
        *(pa.field(name, pa.int32(), nullable=False) for name in COUNTS),
    ]
)
"""One row for each document; `label_relations` are indices into `CorpusMetadata.relations`."""


def write_table(sink: pa.NativeFile, documents: Iterable[Features]) -> None:
    """Write features, from a preprocessor with a `GrowingVocabulary` of relations and of types, as an Arrow IPC file.

    Raises:
        OSError: The bytes cannot be written.
    """
    remaining = iter(documents)
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        while batch := list(islice(remaining, DOCUMENTS_PER_BATCH)):
            writer.write_batch(_record_batch(batch))


def check_table(table: pa.Table, *, tokens: int, relations: int, types: int) -> None:
    """Check that every index of a table that was read points to something, so that using it raises nothing.

    Args:
        table: The table.
        tokens: Number of tokens of the vocabulary.
        relations: Number of relations of the corpus.
        types: Number of types of entities.

    Raises:
        ValueError: A column is another, or an index points to nothing; `pa.ArrowInvalid` is one too.
    """
    if table.schema != SCHEMA:
        raise ValueError("it has other columns")
    table.validate(full=True)
    counts = {name: table[name].to_numpy() for name in COUNTS}
    values, sizes, rows = {}, {}, np.arange(len(table))
    for name in LISTS:
        values[name] = pc.list_flatten(table[name]).to_numpy()
        sizes[name] = pc.fill_null(pc.list_value_length(table[name]), 0).to_numpy().astype(np.int64)
    entities, mentions, labels = counts["entities"].astype(np.int64), sizes["mention_entities"], sizes["label_rows"]
    lists_pairs = table["pairs"].is_valid().to_numpy()
    limits = {
        "input_ids": np.full(len(table), tokens),
        "mention_positions": sizes["input_ids"],
        "mention_entities": entities,
        "entity_types": np.full(len(table), types),
        "sentence_tokens": sizes["input_ids"] + 1,
        "pairs": entities,
        "label_rows": np.where(lists_pairs, sizes["pairs"] // 2, entities * (entities - 1)),
        "label_relations": np.full(len(table), relations),
        "evidence_labels": labels,
        "evidence_sentences": np.full(len(table), 2**31),
    }
    for name, limit in limits.items():
        lowest = -1 if name == "entity_types" else 0
        if ((values[name] < lowest) | (values[name] >= np.repeat(limit, sizes[name]))).any():
            raise ValueError(f"column {name}: a value is out of range")
    row_of_mention = np.repeat(rows, mentions)
    changes = np.diff(np.stack([row_of_mention, values["mention_entities"]]), axis=1, prepend=-1)
    kept = np.bincount(row_of_mention[changes.any(axis=0)], minlength=len(table))
    sentence_sums = np.bincount(
        np.repeat(rows, sizes["sentence_tokens"]), weights=values["sentence_tokens"], minlength=len(table)
    )
    if (
        any((column < 0).any() for column in counts.values())
        or (counts["directed"] > 1).any()
        or (kept + counts["unreachable_entities"] != entities).any()
        or (sizes["pairs"] % 2).any()
        or (sizes["sentence_tokens"] < 2).any()
        or (sentence_sums != sizes["input_ids"]).any()
        or (sizes["mention_positions"] != mentions).any()
        or (sizes["entity_types"] != entities).any()
        or (sizes["label_relations"] != labels).any()
        or (sizes["evidence_sentences"] != sizes["evidence_labels"]).any()
    ):
        raise ValueError("columns contradict each other")


def decode_title(title: pa.BinaryScalar) -> str:
    """Decode a stored title."""
    text: str = title.as_py().decode("utf-8", "surrogatepass")
    return text


def _record_batch(documents: Sequence[Features]) -> pa.RecordBatch:
    # JSON strings may have lone surrogates, Arrow strings may not.
    columns = [pa.array([document.title.encode("utf-8", "surrogatepass") for document in documents], pa.binary())]
    columns += [_ragged(map(listed, documents)) for listed in LISTS.values()]
    columns += [pa.array([int(getattr(document, name)) for document in documents], pa.int32()) for name in COUNTS]
    return pa.record_batch(columns, schema=SCHEMA)


def _listed_pairs(document: Features) -> NDArray[np.int32] | None:
    """Return a document's pairs as one row, `None` for all ordered pairs."""
    if np.array_equal(document.pairs, ordered_pairs(document.entities)):
        return None
    return document.pairs.reshape(-1)


def _first_order(document: Features, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the rows of the first order of each pair: of an undirected document the first half, else all."""
    return rows if document.directed else rows[: len(rows) // 2]


def sentence_tokens(token_sentences: NDArray[np.int32]) -> NDArray[np.int32]:
    """Run-length encode `Features.token_sentences`: special tokens, sentences, special tokens.

    Sentences without tokens have length 0; truncated ones are left out.
    """
    own = np.flatnonzero(token_sentences >= 0)
    first, stop = (own[0], own[-1] + 1) if len(own) else (len(token_sentences), len(token_sentences))
    counts = np.bincount(token_sentences[own])
    return np.array([first, *counts, len(token_sentences) - stop], dtype=np.int32)


def token_sentences(sentence_tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Invert `sentence_tokens`."""
    sentences = np.arange(-1, len(sentence_tokens) - 1, dtype=np.int32)
    sentences[-1] = -1
    return np.repeat(sentences, sentence_tokens)


def _ragged(rows: Iterator[NDArray[np.int32] | None]) -> pa.ListArray:
    """Make a column of lists, null for `None`."""
    values = list(rows)
    lengths = [0 if row is None else len(row) for row in values]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate([np.empty(0, np.int32), *(row for row in values if row is not None)])
    missing = [row is None for row in values]
    return pa.ListArray.from_arrays(offsets, flat, type=_LIST, mask=pa.array(missing) if any(missing) else None)
