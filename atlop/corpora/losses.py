"""What a layout cannot hold of the documents written in it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from atlop.errors import AtlopError
from atlop.schema import Document


class Loss(StrEnum):
    """A kind of thing that a writer drops, or keeps in part."""

    TEXT = "texts and character offsets"
    IDENTIFIER = "identifiers"
    PAIRS = "lists of pairs"
    UNDIRECTED = "undirected documents, facts kept in one direction"
    NOVELTY = "novelty of facts"
    SELF_RELATION = "facts from an entity to itself"
    DISCONTINUOUS = "discontinuous mentions, kept from first to last word"
    EMPTY_WORD = "empty words"


Losses: TypeAlias = Counter[Loss]
"""How often each kind was dropped; kinds that were not are left out."""


class Writer(Protocol):
    """Writes documents in one file layout, as they come, and counts what it drops."""

    def __call__(self, path: Path, *, documents: Iterable[Document]) -> Losses:
        """Write the file, whole or not at all, packed where `path` ends in `.gz`."""
        ...


def json_of(row: Mapping[str, object], *, where: str) -> str:
    """Return a document as one line of JSON.

    Args:
        row: The document.
        where: Its place, for the message.

    Raises:
        AtlopError: A string holds half a surrogate pair, which UTF-8 cannot write.
    """
    text = json.dumps(row, ensure_ascii=False, separators=(", ", ": "))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AtlopError(
            f"{where}: holds half a surrogate pair, {error.object[error.start : error.end]!a}, which is no character; "
            "mend the encoding of the file that it came from"
        ) from None
    return text
