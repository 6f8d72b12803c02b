"""Ids of names: of relations and types where no vocabulary exists yet, and of the types that a model knows."""

import logging
from collections.abc import Iterator, Sequence

logger = logging.getLogger(__name__)

MAX_NAMED = 8
"""Unknown types that are named in warnings; a stream of documents may have any number of them."""


class GrowingVocabulary:
    """Assigns ids from 0 to names in order of first appearance, where no vocabulary exists yet."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def class_of(self, name: str) -> int:
        """Return the id of a name; a new name gets the next one."""
        return self._ids.setdefault(name, len(self._ids))

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


class TypeVocabulary:
    """The types of entities that a model knows, with ids from 0; a warning names the first others, each once."""

    def __init__(self, names: Sequence[str]):
        """Number the names."""
        self.names = tuple(names)
        self._ids = {name: index for index, name in enumerate(names)}
        self._unknown: set[str] = set()

    def class_of(self, name: str) -> int:
        """Return the id of a type, −1 if the model does not know it; the empty name is an entity without a type."""
        if name not in self._ids and name not in self._unknown and len(self._unknown) < MAX_NAMED:
            self._unknown.add(name)
            described = f"of type {name!r}" if name else "without a type"
            logger.warning(
                "there are entities %s, which the model, trained with the types %s, reads as of no type",
                described,
                ", ".join(self.names),
            )
        return self._ids.get(name, -1)
