"""Train documents and further ones, each with what it is trained with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlop.preprocessing.corpus import PreprocessedCorpus
from atlop.preprocessing.features import Features
from atlop.preprocessing.margins import MarginStore
from atlop.preprocessing.supervision import Supervision


@dataclass(frozen=True)
class MixturePart:
    """A corpus of a mixture."""

    documents: PreprocessedCorpus
    labelled: bool = True
    """Whether the labels count."""
    weight: float = 1.0
    """Weight of each document's losses."""
    margins: MarginStore | None = None
    """Soft targets of the documents."""
    has_shares: bool = False
    """Whether the teachers' shares of sentences are targets, too."""

    def __getitem__(self, index: int) -> Features:
        document = self.documents[index]
        margins = None if self.margins is None else self.margins[index]
        shares = self.margins.shares(index) if self.margins is not None and self.has_shares else None
        return replace(document, supervision=Supervision(self.labelled, self.weight, margins, shares))


@dataclass(frozen=True)
class Mixture:
    """The documents that a training draws from: those of the train file, then further ones."""

    parts: Sequence[MixturePart]
    sha256: Mapping[str, str]
    """Of what they are read from besides the train file, by path."""

    def __len__(self) -> int:
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of documents of each part."""
        return tuple(len(part.documents) for part in self.parts)

    @cached_property
    def token_counts(self) -> NDArray[np.int64]:
        """Tokens of each document, special tokens included, `[documents]`."""
        return np.concatenate([part.documents.token_counts for part in self.parts])

    def __getitem__(self, index: int) -> Features:
        """Return the features of a document."""
        for part, size in zip(self.parts, self.sizes, strict=True):
            if index < size:
                part.documents.release()
                return part[index]
            index -= size
        raise IndexError(index)
