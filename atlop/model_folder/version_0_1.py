"""Model folders of version 0.1, whose `config.json` has no sections."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from atlop.errors import AtlopError

_SECTION_KEYS = {
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


def upgrade_config(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `config.json` with its settings in sections, as later versions have them.

    Raises:
        AtlopError: A key is a misspelt setting, whose default would be used silently.
    """
    if "sections" in row:
        return dict(row)
    for key in row.keys() - _SECTION_KEYS.keys():
        if near := get_close_matches(key, _SECTION_KEYS.keys() - row.keys(), n=1, cutoff=0.8):
            raise AtlopError(f"{key}: unknown key; did you mean {near[0]}?")
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _SECTION_KEYS.items():
        if key in row:
            sections.setdefault(section, {})[name] = row[key]
    return {**{key: value for key, value in row.items() if key not in _SECTION_KEYS}, "sections": sections}
