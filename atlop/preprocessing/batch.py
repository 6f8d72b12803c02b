"""Encoded documents side by side, padded, as tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atlop.preprocessing.documents import Features


@dataclass(frozen=True)
class Batch:
    """What the model reads. Indices are int64 unless said otherwise; their padding is −1.

    Arrays stay on the host: how the work is divided follows from them.
    """

    input_ids: Tensor
    """Piece ids, `[documents, tokens]`, filled up with the padding piece."""
    lengths: tuple[int, ...]
    """Pieces of each document."""
    mention_positions: NDArray[np.int64]
    """Position of each mention's start marker, `[documents, mentions]`."""
    mention_entities: NDArray[np.int64]
    """Entity of each mention, `[documents, mentions]`."""
    entity_mentions: Tensor
    """Columns of `mention_positions` that belong to each entity, `[documents, entities, slots]`."""
    pairs: Tensor
    """Subject and object of each pair, document after document, int32 `[pairs, 2]`: entities are counted through the
    batch, every document's from a multiple of `entity_mentions.shape[1]`."""
    labels: Tensor
    """Row in `pairs` and class id of each fact, `[labels, 2]`."""
    pair_counts: tuple[int, ...]
    """Pairs of each document."""
    document_pairs: tuple[NDArray[np.int32], ...]
    """Subject and object of the pairs of each document, int32 `[pairs of the document, 2]`."""
    entities: tuple[int, ...]
    """Entities of each document."""
    indices: tuple[int, ...]
    """Index of each document in its corpus."""
    titles: tuple[str, ...]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device; the copy does not wait where the memory is pinned."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Return the batch in pinned memory; `torch.utils.data.DataLoader` calls this."""
        return self._with_tensors(Tensor.pin_memory)

    def dense_labels(self, classes: int) -> Tensor:
        """Return which classes hold for which pair, bool `[pairs, classes]`; TH (column 0) holds for none."""
        labels = torch.zeros(len(self.pairs), classes, dtype=torch.bool, device=self.labels.device)
        labels[self.labels[:, 0], self.labels[:, 1]] = True
        return labels

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        values.update({name: change(value) for name, value in values.items() if isinstance(value, Tensor)})
        return Batch(**values)


def collate(documents: Sequence[Features], *, padding: int) -> Batch:
    """Put documents side by side.

    Args:
        documents: At least one.
        padding: Piece id that fills up shorter documents.
    """
    lengths = tuple(len(document.input_ids) for document in documents)
    pair_counts = tuple(len(document.pairs) for document in documents)
    mentions = max(len(document.mention_positions) for document in documents)
    entities = tuple(document.entities for document in documents)
    counts = [np.bincount(document.mention_entities, minlength=document.entities) for document in documents]
    slots = max((int(count.max()) for count in counts if count.size), default=0)

    input_ids = np.full((len(documents), max(lengths)), padding, dtype=np.int64)
    mention_positions = np.full((len(documents), mentions), -1, dtype=np.int64)
    mention_entities = np.full_like(mention_positions, -1)
    entity_mentions = np.full((len(documents), max(entities), slots), -1, dtype=np.int64)
    pairs = [document.pairs + np.int32(row * max(entities)) for row, document in enumerate(documents)]
    labels = []
    first_pair = 0
    for row, (document, count) in enumerate(zip(documents, counts, strict=True)):
        kept = len(document.mention_positions)
        input_ids[row, : lengths[row]] = document.input_ids
        mention_positions[row, :kept] = document.mention_positions
        mention_entities[row, :kept] = document.mention_entities
        slot = np.arange(kept) - np.repeat(count.cumsum() - count, count)
        entity_mentions[row, document.mention_entities, slot] = np.arange(kept)
        labels.append(document.labels + np.array([first_pair, 0], dtype=np.int64))
        first_pair += pair_counts[row]
    return Batch(
        input_ids=torch.from_numpy(input_ids),
        lengths=lengths,
        mention_positions=mention_positions,
        mention_entities=mention_entities,
        entity_mentions=torch.from_numpy(entity_mentions),
        pairs=torch.from_numpy(np.concatenate(pairs)),
        labels=torch.from_numpy(np.concatenate(labels)),
        pair_counts=pair_counts,
        document_pairs=tuple(document.pairs for document in documents),
        entities=entities,
        indices=tuple(document.index for document in documents),
        titles=tuple(document.title for document in documents),
    )
