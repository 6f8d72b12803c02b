"""Model folders of version 0.1, whose `config.json` had no sections."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from atlop.errors import AtlopError

_PLACES = {
    "max_length": ("preprocessing", "max_length"),
    "leading_space": ("preprocessing", "leading_space"),
    "markers": ("preprocessing", "markers"),
    "mention_pooling": ("pooling", "mentions"),
    "context_pooling": ("pooling", "context"),
    "representation_size": ("classifier", "representation_size"),
    "block_size": ("classifier", "block_size"),
    "objective": ("objective", "name"),
    "max_relations": ("objective", "max_relations"),
}
"""Key of version 0.1 -> section and key."""


def with_sections(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `config.json` says with its settings in sections, where an earlier version wrote it too.

    Raises:
        AtlopError: A key is a misspelt setting, whose default would be taken without a word.
    """
    if "sections" in row:
        return dict(row)
    for key in row.keys() - _PLACES.keys():
        if near := get_close_matches(key, _PLACES.keys() - row.keys(), n=1, cutoff=0.8):
            raise AtlopError(f"{key}: unknown key; did you mean {near[0]}?")
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _PLACES.items():
        if key in row:
            sections.setdefault(section, {})[name] = row[key]
    return {**{key: value for key, value in row.items() if key not in _PLACES}, "sections": sections}
