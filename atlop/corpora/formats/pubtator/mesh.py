"""MeSH's descriptor file, whose tree numbers place each descriptor in a hierarchy."""

from collections.abc import Iterable
from pathlib import Path

from atlop.errors import AtlopError
from atlop.files import read_lines


class DescriptorTree:
    """The tree numbers of MeSH descriptors; a descriptor may have several."""

    def __init__(self, numbers_by_descriptor: dict[str, tuple[str, ...]]) -> None:
        self._numbers_by_descriptor = numbers_by_descriptor

    def tree_numbers(self, identifier: str) -> tuple[str, ...]:
        """Return the tree numbers of a descriptor (`D003866` or `MESH:D003866`); empty if it is unknown."""
        return self._numbers_by_descriptor.get(identifier.rpartition(":")[2], ())

    def ancestors(self, identifiers: Iterable[str]) -> frozenset[str]:
        """Return all tree numbers above those of the descriptors."""
        found: set[str] = set()
        for identifier in identifiers:
            for number in self.tree_numbers(identifier):
                levels = number.split(".")
                found.update(".".join(levels[:depth]) for depth in range(1, len(levels)))
        return frozenset(found)


def read_descriptors(path: Path) -> DescriptorTree:
    """Read MeSH's descriptors in ASCII (`d2025.bin`, also gzipped as `.gz`).

    Each record starts with `*NEWRECORD` and has a line `MN = C10.228.140` per tree number, then `UI = D001927`.

    Raises:
        AtlopError: The file cannot be read, or no descriptor in it has a tree number.
    """
    numbers_by_descriptor: dict[str, tuple[str, ...]] = {}
    tree_numbers: list[str] = []
    for line in read_lines(path):
        key, equals, value = line.partition(b" = ")
        if line.rstrip() == b"*NEWRECORD":
            tree_numbers = []
        elif equals and key == b"MN":
            tree_numbers.append(value.decode("ascii", errors="replace").strip())
        elif equals and key == b"UI":
            numbers_by_descriptor[value.decode("ascii", errors="replace").strip()] = tuple(tree_numbers)
    if not any(numbers_by_descriptor.values()):
        raise AtlopError(
            f"{path}: has no descriptor with a tree number; expected MeSH's descriptors in ASCII, named like d2025.bin "
            "(the tree file mtrees2025.bin has no identifiers)"
        )
    return DescriptorTree(numbers_by_descriptor)
